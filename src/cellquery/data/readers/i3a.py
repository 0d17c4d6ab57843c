"""I3A Task 1 ("13A"): the contest's folder of numbered cells, their masks and a csv.

``training/NNNNN.png`` and ``NNNNN_Mask.png``, beside or below ``gt_training.csv`` with the columns
``Image ID`` and ``Image class``; ids padded or not, class names in any case.
"""

from __future__ import annotations

from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.facts import FactColumns
from cellquery.data.readers.numbered import label_tables, numbered_cells
from cellquery.data.readers.tables import Table

NAME = "i3a"


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether a folder holds the contest's csv."""
    return source.is_dir() and bool(label_tables(source, _columns_of))


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells of the contest's folder; those not in the csv are unlabelled."""
    if not recognises(source, options):
        raise InputError(
            source, "no csv with the columns Image ID and Image class", "or choose another --layout"
        )
    return Source(NAME, source, lambda: numbered_cells(source, _columns_of))


def _columns_of(table: Table) -> FactColumns | None:
    cell_id, pattern = table.named("imageid"), table.named("imageclass")
    return FactColumns(cell_id, pattern) if cell_id and pattern else None


LAYOUT = Layout(NAME, "I3A contest folder", recognises, read)
