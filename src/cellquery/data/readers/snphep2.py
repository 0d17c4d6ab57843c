"""SNPHEp-2: five patterns, speckled told apart as coarse and fine, in train and test.

Either class folders, or images in ``train`` and ``test`` with csv tables of an id and a pattern
(and a specimen where the table has one).
"""

from __future__ import annotations

from pathlib import Path

from cellquery.core import InputError, find_pattern
from cellquery.data.readers.class_folders import class_folder_cells, class_folders
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.facts import FactColumns
from cellquery.data.readers.folders import part_folders
from cellquery.data.readers.numbered import label_tables, numbered_cells
from cellquery.data.readers.tables import Table, names_files

NAME = "snphep2"

_PATTERNS = frozenset(
    {"homogeneous", "coarse_speckled", "fine_speckled", "nucleolar", "centromere"}
)


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether the class folders or the tables are those of SNPHEp-2."""
    return source.is_dir() and (_in_folders(source) or _in_tables(source))


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells, with the set's train and test parts as the source's own split."""
    if _in_tables(source):
        return Source(NAME, source, lambda: numbered_cells(source, _columns_of))
    if class_folders(source):
        return Source(NAME, source, lambda: class_folder_cells(source))
    raise InputError(
        source, "neither class folders nor a csv of ids and patterns", "or choose another --layout"
    )


def _in_folders(source: Path) -> bool:
    known = [find_pattern(folder.pattern) for folder in class_folders(source)]
    names = {pattern.name if pattern else "" for pattern in known}
    return names <= _PATTERNS and {"coarse_speckled", "fine_speckled"} <= names


def _in_tables(source: Path) -> bool:
    return bool(part_folders(source)) and bool(label_tables(source, _columns_of))


def _columns_of(table: Table) -> FactColumns | None:
    cell_id, pattern = table.column("id") or table.column("path"), table.column("pattern")
    if cell_id is None or pattern is None or names_files(table, elsewhere=True):
        return None
    return FactColumns(cell_id, pattern, table.column("specimen"), table.column("intensity"))


LAYOUT = Layout(NAME, "SNPHEp-2 (class folders or csv)", recognises, read)
