"""How coarse the stain is: what openings, closings and bands of blur take away."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIDES_PX = (3, 7)
"""Sides of the squares that bright grains and dark holes must hold to stay."""

SIGMAS_PX = (0.7, 1.4, 2.8, 5.6)
"""Standard deviations of Gaussian blur; neighbours bound a band of scales."""


def granularity(images: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the granularity of each cell.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
    inside : ndarray of bool, shape (cells, height, width)

    Returns
    -------
    ndarray of float32, shape (cells, 16)
        The mean grey level that openings and closings of `SIDES_PX` take away, then mean
        magnitude, standard deviation, skewness and 98th percentile of the difference of each two
        neighbouring `SIGMAS_PX`, all inside.

    References
    ----------
    Matheron 1975, "Random sets and integral geometry" (granulometry by openings).
    """
    n_inside = np.maximum(inside.sum(axis=(1, 2)), 1)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.where(inside, values, 0).sum(axis=(1, 2), dtype=np.float64) / n_inside

    columns = []
    for change in (ndimage.grey_opening, ndimage.grey_closing):
        columns += [
            mean(np.abs(images - change(images, size=(1, side, side)))) for side in SIDES_PX
        ]
    blurred = [ndimage.gaussian_filter(images, (0, sigma, sigma)) for sigma in SIGMAS_PX]
    for fine, coarse in pairwise(blurred):
        band = fine - coarse
        centred = band - mean(band)[:, None, None].astype(np.float32)
        # Not **3, which is many times slower.
        square = centred * centred
        std = np.sqrt(mean(square))
        skewness = mean(square * centred) / np.maximum(std, 1e-6) ** 3
        columns += [mean(np.abs(band)), std, skewness, _high(band, inside)]
    return np.stack(columns, axis=1).astype(np.float32)


def _high(band: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array(
        [
            np.percentile(values[mask], 98) if mask.any() else 0.0
            for values, mask in zip(band, inside, strict=True)
        ]
    )
