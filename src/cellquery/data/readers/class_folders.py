"""Class folders: one folder a pattern, alone or within the parts of a split.

``PATTERN/*.png``, ``train/PATTERN/*.png`` or ``PATTERN/train/*.png``; a folder named
``unlabelled`` or ``unknown`` holds cells without a pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellquery.core import InputError, find_pattern, parse_pattern
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.folders import (
    PARTS,
    ImageFile,
    holds_images,
    holds_images_below,
    id_below,
    images_below,
    images_in,
    subfolders,
)
from cellquery.data.readers.tables import label
from cellquery.data.records import SourceCell

NAME = "class-folders"


@dataclass(frozen=True)
class ClassFolder:
    """A folder of one pattern, within one part of a split or none.

    Its images are those directly in it and, when it is `deep`, those below.
    """

    path: Path
    pattern: str
    part: str | None
    deep: bool = True

    def images(self) -> Iterator[ImageFile]:
        """Yield the images of the folder."""
        return images_below(self.path) if self.deep else images_in(self.path)

    def holds_images(self) -> bool:
        """Return whether there are any."""
        return holds_images_below(self.path) if self.deep else holds_images(self.path)


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether at least one folder bears the name of a pattern, known or one's own."""
    own = set(map(parse_pattern, options.own_patterns))
    names = {folder.pattern for folder in class_folders(source)}
    return any(find_pattern(name) or parse_pattern(name) in own for name in names)


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells of every class folder; ids are paths below the source, without suffix."""
    if not class_folders(source):
        raise InputError(source, "no folder of images in it", "give one folder a pattern")
    return Source(NAME, source, lambda: class_folder_cells(source))


def class_folders(source: Path) -> list[ClassFolder]:
    """Return the folders of each pattern and part, in the order in which they are read."""
    if not source.is_dir():
        return []
    found = []
    for folder in subfolders(source):
        part = PARTS.get(folder.name.lower())
        children = subfolders(folder)
        if part:
            found += [ClassFolder(child, child.name, part) for child in children]
            continue
        parts = [child for child in children if child.name.lower() in PARTS]
        found += [ClassFolder(c, folder.name, PARTS[c.name.lower()]) for c in parts]
        found.append(ClassFolder(folder, folder.name, None, deep=not parts))
    return [folder for folder in found if folder.holds_images()]


def class_folder_cells(source: Path) -> Iterator[SourceCell]:
    """Yield the cells of every class folder."""
    for folder in class_folders(source):
        for image in folder.images():
            yield SourceCell(
                id_below(source, image.path),
                image.path,
                image.mask_path,
                pattern=label(folder.pattern),
                part=folder.part,
                origin=f"folder {folder.path}",
            )


LAYOUT = Layout(NAME, "class folders", recognises, read)
