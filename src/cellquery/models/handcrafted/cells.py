"""Prepared images as the arrays that hand-crafted features are computed from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


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
