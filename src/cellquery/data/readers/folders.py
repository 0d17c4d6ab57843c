"""Images and masks in folders, in an order that does not depend on the file system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellquery.data.images import SUFFIXES

PARTS: dict[str, str] = {
    "tra": "train",
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "tes": "test",
    "test": "test",
    "testing": "test",
}
"""Folder names that stand for the parts of a split."""

_MASK = re.compile(r"(.+)_mask", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image of a folder, its name without suffix, and its mask where there is one."""

    stem: str
    path: str
    mask_path: str | None


def images_in(folder: Path) -> Iterator[ImageFile]:
    """Yield the images directly in a folder; ``2.png`` before ``10.png``.

    A file ``NAME_mask`` (any case) is the mask of the image ``NAME`` and no image itself.
    """
    # Names only, and only one list of them: there may be very many.
    masks: dict[str, str] = {}
    images: list[str] = []
    for name in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in SUFFIXES or name[0] == ".":
            continue
        mask = _MASK.fullmatch(stem)
        if mask:
            masks[mask[1]] = name
        else:
            images.append(name)
    images.sort(key=natural)
    for name in images:
        stem = os.path.splitext(name)[0]
        mask_path = os.path.join(folder, masks[stem]) if stem in masks else None
        yield ImageFile(stem, os.path.join(folder, name), mask_path)


def holds_images(folder: Path) -> bool:
    """Return whether there is an image directly in a folder."""
    with os.scandir(folder) as entries:
        return any(
            os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.name[0] != "."
            for entry in entries
        )


def images_below(folder: Path) -> Iterator[ImageFile]:
    """Yield the images in a folder and all folders below it, one folder after the other."""
    yield from images_in(folder)
    for child in subfolders(folder):
        yield from images_below(child)


def holds_images_below(folder: Path) -> bool:
    """Return whether there is an image in a folder or in one below it."""
    return holds_images(folder) or any(map(holds_images_below, subfolders(folder)))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and entry.name[0] != "."]
    return [folder / name for name in sorted(names, key=natural)]


def image_folders(root: Path) -> list[Path]:
    """Return the folders with images directly in a folder, which itself comes first with any.

    Beside images of its own only folders named for a part of a split count: those of another name
    may hold thumbnails or masks.
    """
    below = list(filter(holds_images, subfolders(root)))
    if not holds_images(root):
        return below
    return [root, *(folder for folder in below if folder.name.lower() in PARTS)]


def part_folders(root: Path) -> dict[Path, str]:
    """Return the folders that are parts of a split; none unless there are two or more."""
    parts = {
        folder: PARTS[folder.name.lower()]
        for folder in subfolders(root)
        if folder.name.lower() in PARTS
    }
    return parts if len(parts) > 1 else {}


def id_below(root: Path, path: str) -> str:
    """Return the id of an image in a tree: its path below `root` without the suffix."""
    return os.path.splitext(os.path.relpath(path, root))[0].replace(os.sep, "/")


def natural(text: str) -> str:
    """Return a key that sorts numbers within names by value.

    Examples
    --------
    >>> sorted(["10", "9", "a10", "a2"], key=natural)
    ['9', '10', 'a2', 'a10']
    """
    return re.sub("[0-9]+", lambda number: number[0].zfill(18), text)
