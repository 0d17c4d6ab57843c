"""Cells that are numbered files, with csv tables that name them by number.

I3A, ICPR2012 and SNPHEp-2 share this shape and differ in the columns of their tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from cellquery.data.readers.facts import FactColumns, Facts, read_facts
from cellquery.data.readers.folders import PARTS, image_folders, images_in, part_folders
from cellquery.data.readers.ids import ById
from cellquery.data.readers.tables import Table, tables_in
from cellquery.data.records import SourceCell

ColumnsOf = Callable[[Table], FactColumns | None]
"""Which columns of a table matter; None when the table is not about cells."""


def label_tables(root: Path, columns_of: ColumnsOf) -> list[tuple[Table, FactColumns]]:
    """Return the tables about cells in a folder and its image folders."""
    folders = dict.fromkeys([root, *image_folders(root)])
    tables = (table for folder in folders for table in tables_in(folder))
    return [(table, columns) for table in tables if (columns := columns_of(table))]


def numbered_cells(root: Path, columns_of: ColumnsOf) -> Iterator[SourceCell]:
    """Yield the images of a folder, or of its folders, with what the tables say of them.

    With several folders of images below `root` ids begin with the folder's name, and a table tells
    of one folder when it lies in it or bears the name of its part (``gt_training.csv``), else of
    all. Rows that name no file are yielded too, with the path where the file should be.
    """
    tables = label_tables(root, columns_of)
    folders = image_folders(root)
    n_below = sum(folder != root for folder in folders)
    parts = part_folders(root)
    of_all: ById[Facts] = ById()
    of_folder: dict[Path, ById[Facts]] = {folder: ById() for folder in folders}
    for table, columns in tables:
        told = [folder for folder in folders if _tells_of(table.path, folder, root, parts)]
        read_facts(table, columns, of_folder[told[0]] if len(told) == 1 else of_all)
    for folder, facts in of_folder.items():
        prefix = f"{folder.name}/" if folder != root and n_below > 1 else ""
        for image in images_in(folder):
            yield _cell(
                f"{prefix}{image.stem}",
                image.path,
                image.mask_path,
                parts.get(folder),
                facts.find(image.stem) or of_all.find(image.stem),
            )
        yield from _missing(facts, folder, prefix)
    yield from _missing(of_all, root, "")


def _missing(facts: ById[Facts], folder: Path, prefix: str) -> Iterator[SourceCell]:
    for unfound in facts.unfound():
        name = Path(unfound.name)
        path = folder / (name if name.suffix else f"{name}.png")
        yield _cell(f"{prefix}{name.stem}", str(path), None, None, unfound)


def _cell(
    cell_id: str, path: str, mask_path: str | None, part: str | None, facts: Facts | None
) -> SourceCell:
    if facts is None:
        return SourceCell(cell_id, path, mask_path, part=part)
    return SourceCell(
        cell_id,
        path,
        mask_path,
        facts.pattern,
        facts.specimen,
        facts.intensity,
        part,
        facts.origin,
    )


def _tells_of(table: Path, folder: Path, root: Path, parts: dict[Path, str]) -> bool:
    if table.parent != root:
        return table.parent == folder
    words = re.split(r"[\W_]+", table.stem.lower())
    named = {PARTS[word] for word in words if word in PARTS}
    return not named or not parts or parts.get(folder) in named
