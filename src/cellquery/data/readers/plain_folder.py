"""A plain folder of images, and the folders below it: cells without a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.class_folders import class_folders
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.folders import (
    holds_images_below,
    id_below,
    image_folders,
    images_below,
)
from cellquery.data.readers.tables import open_table, table_files
from cellquery.data.records import SourceCell

NAME = "folder"


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether there is any image in the folder or below it."""
    return source.is_dir() and holds_images_below(source)


def read(source: Path, options: ReaderOptions) -> Source:
    """Return every image, unlabelled; ids are paths below the source, without suffix."""
    if not recognises(source, options):
        raise InputError(
            source, "no PNG, TIFF, BMP or JPEG image in it", "give a folder of cell images"
        )
    return Source(NAME, source, lambda: _cells(source))


def not_used(source: Path, annotations: Path | None = None) -> tuple[str, ...]:
    """Return what may tell the patterns of the cells of a plain folder, and was not used.

    Parameters
    ----------
    source : Path
        The folder.
    annotations : Path or None
        A table that is used.

    Raises
    ------
    InputError
        When it is a table that cannot be read.
    """
    found = []
    used = annotations.resolve() if annotations else None
    for folder in dict.fromkeys([source, *image_folders(source)]):
        for file in table_files(folder):
            if file.resolve() == used:
                continue
            try:
                open_table(file)
            except InputError as error:
                remedy = f"{error.remedy}, or take it out of the folder"
                raise InputError(file, error.fault, remedy) from None
            found.append(f"{file} was not used; give it with --annotations")
    if len({folder.pattern for folder in class_folders(source)}) > 1:
        found.append("folder names were not taken as patterns; --layout class-folders does")
    return tuple(found)


def _cells(source: Path) -> Iterator[SourceCell]:
    for image in images_below(source):
        yield SourceCell(id_below(source, image.path), image.path, image.mask_path)


LAYOUT = Layout(NAME, "plain folder of images, unlabelled", recognises, read)
