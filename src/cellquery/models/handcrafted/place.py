"""Where a pixel lies in its cell, and where the nucleus lies in the image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


class Place(NamedTuple):
    """The place of each pixel.

    Attributes
    ----------
    depth : ndarray of float32, shape (cells, height, width)
        Above 0 at the border of the nucleus to 1 at its deepest point; 0 outside.
    distance_px : ndarray of float32, shape (cells, height, width)
        Pixels from the nucleus; 0 inside, and everywhere in a cell without one.
    """

    depth: NDArray[np.float32]
    distance_px: NDArray[np.float32]


def place_of(inside: NDArray[np.bool_]) -> Place:
    """Return how deep each pixel lies in its nucleus, or how far from it.

    Parameters
    ----------
    inside : ndarray of bool, shape (cells, height, width)

    Examples
    --------
    >>> place_of(np.array([[[False, True, True, True]]])).distance_px[0, 0].tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    depth = np.zeros(inside.shape, np.float32)
    distance_px = np.zeros(inside.shape, np.float32)
    for cell, mask in enumerate(inside):
        if not mask.any():
            continue
        # The edge of the crop counts as the nucleus's border where it has no other.
        to_border = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        depth[cell] = to_border / to_border.max()
        if not mask.all():
            distance_px[cell] = ndimage.distance_transform_edt(~mask)
    return Place(depth, distance_px)


def window_of(mask: NDArray[np.bool_], margin: int = 0) -> tuple[slice, slice]:
    """Return the smallest window of an image that holds its nucleus and a margin.

    All of the image where there is no nucleus.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(None), slice(None)
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )
