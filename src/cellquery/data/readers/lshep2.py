"""LSHEp-2 (Qi et al. 2016): ``cells/cells/N.png`` without padding, and ``labels.mat``.

The variable ``labels`` holds 1 x N values, 1 to 6, of the cells 1.png to N.png. Which pattern each
value means is not documented. The order assumed here is checked by what is known of the class
sizes: Golgi is the smallest (about 1,877 of 63,445 cells), nuclear membrane the next (4,072).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cellquery.core import SIX_PATTERNS, InputError, parse_pattern
from cellquery.data.readers.contract import Layout, ReaderOptions, Source
from cellquery.data.readers.folders import holds_images, images_in
from cellquery.data.records import SourceCell

NAME = "lshep2"

_NUCLEAR_MEMBRANE, _GOLGI = SIX_PATTERNS[4], SIX_PATTERNS[5]


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether the folder holds ``labels.mat``."""
    return source.is_dir() and _labels_file(source) is not None


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells, labelled in the order of ``options.label_order`` or the assumed one.

    Raises
    ------
    InputError
        When the files are not there or not readable, a value has no pattern, or the sizes of
        the classes contradict the assumed order.
    """
    file = _labels_file(source)
    if file is None:
        raise InputError(source, "no labels.mat in it", "or choose another --layout")
    folder = next((f for f in _candidates(source) if holds_images(f)), None)
    if folder is None:
        raise InputError(source, "no images in cells/cells", "unpack the cells beside labels.mat")
    if not options.labelled:
        return Source(
            NAME,
            source,
            lambda: (SourceCell(i.stem, i.path, i.mask_path) for i in images_in(folder)),
        )
    values = _values(file)
    order = tuple(map(parse_pattern, options.label_order or SIX_PATTERNS))
    strange = np.flatnonzero((values < 1) | (values > len(order)))
    if strange.size:
        raise InputError(
            file,
            f"entry {strange[0] + 1} is {values[strange[0]]}, not 1 to {len(order)}",
            "name one pattern a value with --label-order",
        )
    notices = (_checked(file, values, order, given=options.label_order is not None),)
    return Source(NAME, source, lambda: _cells(folder, file, values, order), notices)


def _cells(
    folder: Path, file: Path, values: np.ndarray, order: tuple[str, ...]
) -> Iterator[SourceCell]:
    there = np.zeros(len(values), dtype=bool)
    for image in images_in(folder):
        number = int(image.stem) if image.stem.isdecimal() else 0
        if not 1 <= number <= len(values):
            yield SourceCell(image.stem, image.path, image.mask_path)
            continue
        there[number - 1] = True
        yield SourceCell(
            image.stem,
            image.path,
            image.mask_path,
            pattern=order[values[number - 1] - 1],
            origin=f"{file} entry {number}",
        )
    for missing in np.flatnonzero(~there):
        number = int(missing) + 1
        yield SourceCell(
            str(number), str(folder / f"{number}.png"), origin=f"{file} entry {number}"
        )


def _values(file: Path) -> np.ndarray:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        labels = loadmat(file, variable_names=["labels"]).get("labels")
    except NotImplementedError:
        raise InputError(
            file, "MATLAB 7.3 file", "save it in MATLAB with: save labels.mat labels -v7"
        ) from None
    except (MatReadError, OSError, ValueError, TypeError, KeyError, EOFError, zlib.error):
        raise InputError(file, "not a readable MATLAB file", "copy it again") from None
    if labels is None or labels.dtype.kind not in "iuf" or not labels.size:
        raise InputError(file, "no numeric variable 'labels' in it", "check the file")
    values = labels.ravel()
    broken = np.flatnonzero(~np.isfinite(values) | (values != np.trunc(values)))
    if broken.size:
        raise InputError(
            file,
            f"entry {broken[0] + 1} is {values[broken[0]]}, no whole number",
            "check the file: labels are 1, 2, and so on",
        )
    return values.astype(np.int64)


def _checked(file: Path, values: np.ndarray, order: tuple[str, ...], *, given: bool) -> str:
    """Return what the class sizes say of the order; InputError when they contradict a guess."""
    sizes = {pattern: int((values == i).sum()) for i, pattern in enumerate(order, 1)}
    smallest = sorted(order, key=lambda pattern: sizes[pattern])[:2]
    if smallest == [_GOLGI, _NUCLEAR_MEMBRANE]:
        return (
            f"the meaning of the values in {file.name} is not documented: as expected Golgi is "
            f"the smallest class ({sizes[_GOLGI]}) and nuclear membrane the next "
            f"({sizes[_NUCLEAR_MEMBRANE]}); the other four are taken in the order "
            f"{', '.join(order)}: compare them in the galleries of the audit"
        )
    counts = ", ".join(f"{i}: {sizes[pattern]}" for i, pattern in enumerate(order, 1))
    if given:
        return (
            f"with this --label-order Golgi and nuclear membrane are not the smallest classes of "
            f"{file.name}, as they should be (cells per value: {counts})"
        )
    raise InputError(
        file,
        f"Golgi and nuclear membrane would not be the smallest classes (cells per value: {counts})",
        f"give the order of the values with --label-order {','.join(SIX_PATTERNS)}",
    )


def _labels_file(source: Path) -> Path | None:
    return next(
        (f for folder in _candidates(source) if (f := folder / "labels.mat").is_file()), None
    )


def _candidates(source: Path) -> list[Path]:
    folders = [source, source / "cells", source / "cells" / "cells"]
    return [folder for folder in folders if folder.is_dir()]


LAYOUT = Layout(NAME, "LSHEp-2 (numbered cells and labels.mat)", recognises, read)
