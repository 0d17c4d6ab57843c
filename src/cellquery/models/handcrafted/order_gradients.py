"""Dense local descriptors of gradients pooled by brightness order: turned or dimmed, the same."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

RADII_PX = (3, 6, 11)
"""Support regions round each point; their descriptors stand one after the other."""

N_ORDERS = (3, 4, 6)
"""Groups of equally many pixels, from dark to bright, in each support region."""

N_ORIENTATIONS = 8

_EVERY_PIXEL_UP_TO_PX = 8
"""Of larger regions every second row and column is enough, at a quarter of the time."""

STEP_PX = 3
MARGIN_PX = 6
"""Points lie in the nucleus or so near to it: some patterns, such as Golgi, lie beside it."""

SIGMA_PX = 1.0

# Neighbours of a pixel in its own cell.
_TOUCHING = np.zeros((3, 3, 3), dtype=bool)
_TOUCHING[1] = ndimage.generate_binary_structure(2, 1)

N_DESCRIPTOR = N_ORIENTATIONS * sum(N_ORDERS)


def order_gradients(
    images: NDArray[np.float32], inside: NDArray[np.bool_]
) -> list[NDArray[np.float32]]:
    """Return the descriptors of each cell on a grid of points in and round its nucleus.

    Round each point, the pixels of a disc are grouped by the order of their grey levels, so the
    groups turn with the image and no monotone change of brightness moves a pixel to another one.
    In each group the gradients' magnitudes are added up by their direction, which is counted
    from the outward direction at the pixel, so that it turns with the image too. Quarter turns
    and brightness times one number plus another change nothing but the last digits.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
    inside : ndarray of bool, shape (cells, height, width)

    Returns
    -------
    list of ndarray of float32, shape (points, 104)
        Square roots of shares which sum to 1 in each support region: of unit length there.
        A cell without a point inside has one, at the middle of the image.

    References
    ----------
    Fan, Wu & Hu 2012, doi:10.1109/TPAMI.2011.277 (MROGH), without its weighting of the groups;
    used on HEp-2 cells by Shen et al. 2014, doi:10.1016/j.patcog.2013.09.037. The square roots:
    Arandjelović & Zisserman 2012, doi:10.1109/CVPR.2012.6248018.
    """
    # Levels in double precision: rounding would order near ones otherwise in a turned image.
    blurred = ndimage.gaussian_filter(images, (0, SIGMA_PX, SIGMA_PX), output=np.float64)
    margin = max(RADII_PX)
    padded = np.pad(blurred, ((0, 0), (margin + 1, margin + 1), (margin + 1, margin + 1)), "edge")
    down = ((padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2).astype(np.float32)
    right = ((padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2).astype(np.float32)
    levels = padded[:, 1:-1, 1:-1]
    side = levels.shape[2]
    descriptors = []
    near = ndimage.binary_dilation(inside, _TOUCHING, iterations=MARGIN_PX)
    for cell, mask in enumerate(near):
        points = _points(mask) + margin
        centre = points[:, 0] * side + points[:, 1]
        parts = []
        for radius, n_orders in zip(RADII_PX, N_ORDERS, strict=True):
            offsets = _disc(radius)
            length = np.linalg.norm(offsets, axis=1, keepdims=True)
            outward = (offsets / length).astype(np.float32)
            at = centre[:, None] + (offsets[:, 0] * side + offsets[:, 1])[None]
            parts.append(
                _pooled(
                    levels[cell].ravel()[at],
                    down[cell].ravel()[at],
                    right[cell].ravel()[at],
                    outward,
                    n_orders,
                )
            )
        descriptors.append(np.concatenate(parts, axis=1))
    return descriptors


def _points(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the (row, column) of the grid's points inside."""
    height, width = mask.shape
    # As far from one side as from the other, so that turned images have the same points.
    rows, columns = _axis(height), _axis(width)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    kept = grid[mask[grid[:, 0], grid[:, 1]]]
    return kept if len(kept) else np.array([[height // 2, width // 2]])


def _axis(length: int) -> NDArray[np.int64]:
    n = (length - 1) // STEP_PX + 1
    n -= (length - 1 - (n - 1) * STEP_PX) % 2
    first = (length - 1 - (n - 1) * STEP_PX) // 2
    return first + STEP_PX * np.arange(n)


@cache
def _disc(radius: int) -> NDArray[np.int64]:
    """Return the (down, right) of the pixels of a disc that count, its middle left out."""
    steps = np.arange(-radius, radius + 1, 1 if radius <= _EVERY_PIXEL_UP_TO_PX else 2)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = (grid**2).sum(axis=1)
    return grid[(distance <= radius**2 + radius) & (distance > 0)]


def _pooled(
    levels: NDArray[np.float64],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    outward: NDArray[np.float32],
    n_orders: int,
) -> NDArray[np.float32]:
    """Return one support region's part of the descriptors, from arrays (points, pixels)."""
    n_points, n_pixels = levels.shape
    along = down * outward[:, 0] + right * outward[:, 1]
    across = right * outward[:, 0] - down * outward[:, 1]
    magnitude = np.hypot(along, across)
    place = (np.arctan2(across, along) / (2 * np.pi) % 1) * N_ORIENTATIONS
    lower = np.floor(place).astype(np.int64)
    share = (place - lower).astype(np.float32)
    group = np.empty((n_points, n_pixels), np.int64)
    groups = np.arange(n_pixels) * n_orders // n_pixels
    order = np.argsort(levels, axis=1)
    # Pixels beyond the image's edge are as bright as it. Where two groups meet between such equals,
    # what they add decides which go where, and not where they lie.
    meet = np.flatnonzero(np.diff(groups))
    last, first = (np.take_along_axis(levels, order[:, at], axis=1) for at in (meet, meet + 1))
    tied = (last == first).any(axis=1)
    order[tied] = np.lexsort((across[tied], along[tied], levels[tied]), axis=1)
    np.put_along_axis(group, order, np.broadcast_to(groups, group.shape), axis=1)
    base = (np.arange(n_points)[:, None] * n_orders + group) * N_ORIENTATIONS
    n_bins = n_points * n_orders * N_ORIENTATIONS
    pooled = np.bincount(
        (base + lower % N_ORIENTATIONS).ravel(), (magnitude * (1 - share)).ravel(), n_bins
    )
    pooled += np.bincount(
        (base + (lower + 1) % N_ORIENTATIONS).ravel(), (magnitude * share).ravel(), n_bins
    )
    pooled = pooled.reshape(n_points, -1)
    total = pooled.sum(axis=1, keepdims=True)
    return np.sqrt(pooled / np.maximum(total, 1e-9)).astype(np.float32)
