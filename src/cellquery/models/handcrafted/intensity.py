"""How the stain is spread over a cell: grey levels, depth in the nucleus, bands outside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellquery.models.handcrafted.place import Place

N_LEVELS = 12
N_DEPTHS = 6
OUTSIDE_PX = (0, 3, 6, 10)
"""Limits of the bands outside the nucleus, in pixels from it."""


def stain_distribution(
    images: NDArray[np.float32], inside: NDArray[np.bool_], place: Place
) -> NDArray[np.float32]:
    """Return where each cell is bright: levels, moments, depths, bands outside, size and shape.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
        Grey levels, 0 to 1 for most pixels.
    inside : ndarray of bool, shape (cells, height, width)
    place : Place
        Of the same nuclei.

    Returns
    -------
    ndarray of float32, shape (cells, 38)
        In order: shares of `N_LEVELS` grey levels inside; mean, standard deviation, skewness and
        excess kurtosis inside; 5 percentiles; mean and standard deviation of `N_DEPTHS` shells of
        the nucleus; mean of 3 bands outside by `OUTSIDE_PX`; area as the side of its square in
        pixels; how elongated it is, 0 for a circle.
    """
    depth, distance_px = place
    n_cells = len(images)
    cell = np.broadcast_to(np.arange(n_cells)[:, None, None], images.shape)
    row, values = cell[inside], images[inside].astype(np.float64)
    level = np.clip((values * N_LEVELS).astype(np.int64), 0, N_LEVELS - 1)
    n_inside = np.maximum(np.bincount(row, minlength=n_cells), 1)
    levels = np.bincount(row * N_LEVELS + level, minlength=n_cells * N_LEVELS)
    shell = np.minimum((depth[inside] * N_DEPTHS).astype(np.int64), N_DEPTHS - 1)
    shells = _means(row * N_DEPTHS + shell, values, n_cells * N_DEPTHS)
    squares = _means(row * N_DEPTHS + shell, values**2, n_cells * N_DEPTHS)
    near = ~inside & (distance_px > 0) & (distance_px <= OUTSIDE_PX[-1])
    n_bands = len(OUTSIDE_PX) - 1
    band = np.searchsorted(OUTSIDE_PX, distance_px[near], side="left") - 1
    bands = _means(cell[near] * n_bands + band, images[near], n_cells * n_bands)
    parts = [
        levels.reshape(n_cells, -1) / n_inside[:, None],
        _moments(row, values, n_cells),
        _percentiles(images, inside),
        shells.reshape(n_cells, -1),
        np.sqrt(np.maximum(squares - shells**2, 0)).reshape(n_cells, -1),
        bands.reshape(n_cells, -1),
        np.sqrt(n_inside)[:, None],
        _elongation(inside)[:, None],
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _means(
    group: NDArray[np.int64], values: NDArray[np.floating], n_groups: int
) -> NDArray[np.float64]:
    """Return the mean of each group, 0 for an empty one."""
    counts = np.bincount(group, minlength=n_groups)
    return np.bincount(group, weights=values, minlength=n_groups) / np.maximum(counts, 1)


def _moments(
    row: NDArray[np.int64], values: NDArray[np.float64], n_cells: int
) -> NDArray[np.float64]:
    mean = _means(row, values, n_cells)
    left = values - mean[row]
    std = np.sqrt(_means(row, left**2, n_cells))
    safe = np.maximum(std, 1e-6)
    skewness = _means(row, left**3, n_cells) / safe**3
    kurtosis = _means(row, left**4, n_cells) / safe**4 - 3
    return np.stack([mean, std, skewness, kurtosis], axis=1)


def _percentiles(images: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    wanted = (5, 25, 50, 75, 95)
    return np.array(
        [
            np.percentile(image[mask], wanted) if mask.any() else np.zeros(len(wanted))
            for image, mask in zip(images, inside, strict=True)
        ]
    ).reshape(len(images), len(wanted))


def _elongation(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the eccentricity of the ellipse with each mask's second moments."""
    found = np.zeros(len(inside))
    for cell, mask in enumerate(inside):
        places = np.argwhere(mask).astype(np.float64)
        if len(places) > 2:
            small, large = np.linalg.eigvalsh(np.cov(places.T))
            found[cell] = np.sqrt(max(0.0, 1 - small / large)) if large > 0 else 0.0
    return found
