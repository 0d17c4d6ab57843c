"""Pages, figures and galleries, built only from run directories and plain data."""

from cellquery.reports.page import Picture, Table, Tile, render_page, write_page

__all__ = ["Picture", "Table", "Tile", "render_page", "write_page"]
