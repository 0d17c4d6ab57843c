"""One pass over the pixels of a project: what the audit measures of each cell."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from cellquery.core import Progress, silent
from cellquery.data.images import grey
from cellquery.data.records import camera_bits
from cellquery.data.store import ImageStore

THUMBNAIL_PX = 24
_REPORT_EVERY = 500


@dataclass(frozen=True)
class Measurements:
    """What is known and measured of each cell; arrays have one entry a cell, in import order.

    Attributes
    ----------
    ids, sources, digests : ndarray of str
        As in the manifest.
    patterns, specimens : ndarray of object
        Text, or None where not known.
    properties : dict of str to ndarray of float
        Technical properties, by the names of ``cues.PROPERTIES``.
    spread : ndarray of float
        Grey levels between the 0.5th and the 99.5th percentile.
    lowest, highest : ndarray of int
        Extreme counts.
    mask_share : ndarray of float
        Share of the pixels inside the mask, 0 to 1; NaN without a mask.
    contents : ndarray of str
        A fingerprint of the pixels, equal for pixel-identical images in whatever file.
    thumbnails : ndarray of float32, shape (cells, 24, 24)
        Area-averaged counts.
    """

    ids: NDArray[np.object_]
    sources: NDArray[np.object_]
    digests: NDArray[np.object_]
    patterns: NDArray[np.object_]
    specimens: NDArray[np.object_]
    properties: dict[str, NDArray[np.float64]]
    spread: NDArray[np.float64]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    mask_share: NDArray[np.float64]
    contents: NDArray[np.object_]
    thumbnails: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Cell id -> position in the arrays."""
        return {cell_id: row for row, cell_id in enumerate(self.ids)}

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Whether each cell has a pattern."""
        return np.array([pattern is not None for pattern in self.patterns], dtype=bool)

    @cached_property
    def file_order(self) -> NDArray[np.intp]:
        """Rows in the order of their file names, numbers in them compared as numbers."""
        keys = [_natural(source) for source in self.sources]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def measure(manifest: pa.Table, store: ImageStore, progress: Progress = silent) -> Measurements:
    """Return the measurements of every cell of a project, reading each image once.

    Memory is about 3 kB a cell, whatever the size of the images.
    """
    n_cells = manifest.num_rows
    ids = _text(manifest, "cell_id")
    sources = _text(manifest, "source")
    width, height = _numbers(manifest, "width"), _numbers(manifest, "height")
    bit_depth = _numbers(manifest, "bit_depth")
    measured = ("background", "brightness", "saturated", "direction")
    columns = {name: np.zeros(n_cells) for name in measured}
    spread, mask_share = np.zeros(n_cells), np.full(n_cells, np.nan)
    lowest, highest = np.zeros(n_cells, dtype=np.int64), np.zeros(n_cells, dtype=np.int64)
    contents = np.empty(n_cells, dtype=object)
    thumbnails = np.zeros((n_cells, THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.float32)
    for row, cell_id in enumerate(ids):
        raw = store.pixels(cell_id)
        contents[row] = hashlib.blake2b(
            raw.tobytes(), digest_size=16, key=f"{raw.shape}{raw.dtype}".encode()
        ).hexdigest()
        pixels = grey(raw)
        flat = np.sort(pixels, axis=None)
        lowest[row], highest[row] = int(flat[0]), int(flat[-1])
        bottom, top = (flat[round(share * (flat.size - 1))] for share in (0.005, 0.995))
        spread[row] = float(top) - float(bottom)
        columns["background"][row] = np.median(_border(pixels))
        columns["brightness"][row] = flat.mean()
        # One pixel at full scale is the end of any image; a plateau there is not.
        columns["saturated"][row] = 1 - np.searchsorted(flat, flat[-1]) / flat.size
        mask = store.mask(cell_id)
        if mask is not None:
            mask_share[row] = mask.mean()
        thumbnails[row] = _thumbnail(pixels)
        light = np.clip(thumbnails[row] - columns["background"][row], 0, None)
        columns["direction"][row] = _direction(light, pixels.shape)
        if row % _REPORT_EVERY == 0:
            progress("measuring cells", row, n_cells)
    progress("measuring cells", n_cells, n_cells)
    full_scale = 2.0 ** np.where(bit_depth == 16, camera_bits(manifest) or 16, 8) - 1
    columns["saturated"][highest < full_scale] = 0.0
    properties = {
        "width": width,
        "height": height,
        "area": width * height,
        "aspect": width / height,
        "bit_depth": bit_depth,
        "content_bits": _numbers(manifest, "content_bits"),
        "channels": _numbers(manifest, "channels"),
        "file_type": _codes([PurePosixPath(source).suffix.lower() for source in sources]),
        "mask": _numbers(manifest, "mask"),
        "stretched": ((lowest == 0) & (highest == full_scale)).astype(float),
        **columns,
    }
    return Measurements(
        ids=ids,
        sources=sources,
        digests=_text(manifest, "digest"),
        patterns=_text(manifest, "pattern"),
        specimens=_text(manifest, "specimen"),
        properties=properties,
        spread=spread,
        lowest=lowest,
        highest=highest,
        mask_share=mask_share,
        contents=contents,
        thumbnails=thumbnails,
    )


def _text(table: pa.Table, name: str) -> NDArray[np.object_]:
    return np.array(table[name].to_pylist(), dtype=object)


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    return np.array(table[name].to_pylist(), dtype=np.float64)


def _codes(words: list[str]) -> NDArray[np.float64]:
    return np.unique(np.array(words, dtype=str), return_inverse=True)[1].astype(np.float64)


def _border(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def _thumbnail(pixels: NDArray[Any]) -> NDArray[np.float32]:
    image = Image.fromarray(pixels.astype(np.float32))
    return np.asarray(image.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX))


# The powers 0, 1 and 2 of each place along a thumbnail's side.
_POWERS = np.arange(THUMBNAIL_PX) ** np.arange(3.0)[:, None]


def _direction(light: NDArray[np.float32], shape: tuple[int, ...]) -> float:
    """Return the angle of the principal axis of a thumbnail's light, 0 to 180 degrees.

    From its second moments, in the crop's own proportions; 0 lies along the rows, 90 stands
    upright.
    """
    height, width = shape
    moments = _POWERS @ light @ _POWERS.T
    if not moments[0, 0]:
        return 0.0
    row, column = moments[1, 0] / moments[0, 0], moments[0, 1] / moments[0, 0]
    upright = (moments[2, 0] - row * moments[1, 0]) * height**2
    lying = (moments[0, 2] - column * moments[0, 1]) * width**2
    # Rows are counted downwards, angles upwards.
    slanting = -2 * (moments[1, 1] - row * moments[0, 1]) * height * width
    return math.degrees(math.atan2(slanting, lying - upright)) / 2 % 180


_DIGITS = re.compile(r"(\d+)")


def _natural(text: str) -> list[tuple[bool, int, str]]:
    words = _DIGITS.split(text)
    # split leaves the numbers at the odd places
    return [(False, int(w), "") if at % 2 else (True, 0, w) for at, w in enumerate(words) if w]
