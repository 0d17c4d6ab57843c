"""ICPR2012 / MIVIA: colour cells, masks and csv tables with semicolons.

``NNN.png`` and ``NNN_mask.png``, a csv ``ID;pattern``, and a second csv that gives the image of
each cell, 1 to 28, and its intensity. All cells of an image come from one specimen. The contest's
``training`` and ``test`` folders become the source's own split.
"""

from __future__ import annotations

from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.facts import FactColumns
from cellquery.data.readers.numbered import label_tables, numbered_cells
from cellquery.data.readers.tables import Table, names_files

NAME = "icpr2012"

_IMAGE = ("image", "imageid", "imagenumber", "specimen", "specimenid", "source", "sourceimage")


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether a folder holds a csv with semicolons, an id and a pattern."""
    return source.is_dir() and any(
        columns.pattern for _, columns in label_tables(source, _columns_of)
    )


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells of the folder, with the image they come from as their specimen."""
    if not recognises(source, options):
        raise InputError(source, "no csv with the header ID;pattern", "or choose another --layout")
    return Source(NAME, source, lambda: numbered_cells(source, _columns_of))


def _columns_of(table: Table) -> FactColumns | None:
    cell_id = table.named("id", "cellid")
    if cell_id is None or names_files(table) or not _has_semicolons(table):
        return None
    columns = FactColumns(
        cell_id,
        pattern=table.named("pattern", "class"),
        specimen=table.named(*_IMAGE),
        intensity=table.named("intensity"),
    )
    return columns if columns.pattern or columns.specimen or columns.intensity else None


def _has_semicolons(table: Table) -> bool:
    if table.path.suffix.lower() == ".parquet":
        return False
    with table.path.open(encoding="utf-8-sig") as file:
        return ";" in file.readline()


LAYOUT = Layout(NAME, "ICPR2012 / MIVIA folder", recognises, read)
