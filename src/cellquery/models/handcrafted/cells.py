"""Prepared images as the arrays that hand-crafted features are computed from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cellquery.core import Progress
from cellquery.models.handcrafted.remembered import Remembered
from cellquery.models.network import Show

BATCH_CELLS = 64


def cells_of(images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return grey levels and nuclei of prepared images.

    Parameters
    ----------
    images : Tensor, shape (cells, channels, height, width)
        Grey, and the mask where it is a channel; without one all of the image counts as nucleus.

    Returns
    -------
    grey : ndarray of float32, shape (cells, height, width)
    inside : ndarray of bool, shape (cells, height, width)
    """
    values = images.detach().cpu().float().numpy()
    grey = np.ascontiguousarray(values[:, 0])
    return grey, values[:, 1] > 0.5 if values.shape[1] > 1 else np.ones(grey.shape, dtype=bool)


def gathered(
    show: Show, n_cells: int, features: Remembered, progress: Progress
) -> list[NDArray[np.floating]]:
    """Return the features of each training cell."""
    found: list[NDArray[np.floating]] = []
    for start in range(0, n_cells, BATCH_CELLS):
        rows = np.arange(start, min(start + BATCH_CELLS, n_cells))
        (images,) = show(rows)
        found += features(*cells_of(images))
        progress("features", len(found), n_cells)
    return found
