"""A plain folder of images, and the folders below it: cells without a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.folders import holds_images_below, id_below, images_below
from cellquery.data.records import SourceCell

NAME = "folder"


def recognises(source: Path) -> bool:
    """Return whether there is any image in the folder or below it."""
    return source.is_dir() and holds_images_below(source)


def read(source: Path, options: ReaderOptions) -> Source:
    """Return every image, unlabelled; ids are paths below the source, without suffix."""
    if not recognises(source):
        raise InputError(
            source, "no PNG, TIFF, BMP or JPEG image in it", "give a folder of cell images"
        )
    return Source(NAME, source, lambda: _cells(source))


def _cells(source: Path) -> Iterator[SourceCell]:
    for image in images_below(source):
        yield SourceCell(id_below(source, image.path), image.path, image.mask_path)


LAYOUT = Layout(NAME, "plain folder of images, unlabelled", recognises, read)
