"""Bright regions of a cell at several thresholds: how many, how large, how deep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellquery.models.handcrafted.place import Place

THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8)
SMALLEST_PX = 4

# Eight neighbours within a cell, none in another.
_TOUCHING = np.zeros((3, 3, 3), dtype=bool)
_TOUCHING[1] = True


def region_statistics(
    images: NDArray[np.float32], inside: NDArray[np.bool_], place: Place
) -> NDArray[np.float32]:
    """Return what the bright and the dark regions of each cell are like.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
        Grey levels, 0 to 1 for most pixels.
    inside : ndarray of bool, shape (cells, height, width)
    place : Place
        Of the same nuclei.

    Returns
    -------
    ndarray of float32, shape (cells, 60)
        For each of `THRESHOLDS` first of what is above it, anywhere in the cell, then of what is
        below it inside the nucleus: the number of regions of `SMALLEST_PX` pixels or more as
        log(1 + n), their mean area and the largest one's as shares of the nucleus, the share that
        all of them make of the nucleus, their mean depth in it, and how much that varies.

    References
    ----------
    Number, size and place of regions after Ponomarev et al. 2014,
    doi:10.1016/j.patcog.2013.09.027; thresholds and figures are ours.
    """
    n_inside = np.maximum(inside.sum(axis=(1, 2)), 1)
    parts = []
    for threshold in THRESHOLDS:
        above = images > threshold
        for regions in (above, inside & ~above):
            parts.append(_figures(regions, place.depth, n_inside))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _figures(
    regions: NDArray[np.bool_], depth: NDArray[np.float32], n_inside: NDArray[np.int64]
) -> NDArray[np.float64]:
    n_cells = len(regions)
    names, n_regions = ndimage.label(regions, _TOUCHING)
    where = np.nonzero(names)
    number = names[where] - 1
    area = np.bincount(number, minlength=n_regions)
    cell = np.zeros(n_regions, np.int64)
    cell[number] = where[0]
    large = area >= SMALLEST_PX
    area, cell = area[large], cell[large]
    count = np.bincount(cell, minlength=n_cells)
    total = np.bincount(cell, weights=area, minlength=n_cells)
    largest = np.zeros(n_cells)
    np.maximum.at(largest, cell, area)
    kept = large[number]
    row, deep = where[0][kept], depth[where][kept].astype(np.float64)
    n_kept = np.maximum(np.bincount(row, minlength=n_cells), 1)
    mean = np.bincount(row, weights=deep, minlength=n_cells) / n_kept
    square = np.bincount(row, weights=deep**2, minlength=n_cells) / n_kept
    return np.stack(
        [
            np.log1p(count),
            total / np.maximum(count, 1) / n_inside,
            largest / n_inside,
            total / n_inside,
            mean,
            np.sqrt(np.maximum(square - mean**2, 0)),
        ],
        axis=1,
    )
