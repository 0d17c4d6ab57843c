"""Properties of the grey-level co-occurrence matrix inside the nucleus, averaged over angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellquery.models.extras import optional
from cellquery.models.handcrafted.place import window_of

N_LEVELS = 24
DISTANCES_PX = (1, 2, 4, 8)
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")

_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


def cooccurrence_properties(
    images: NDArray[np.float32], inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return `PROPERTIES` of each cell at each of `DISTANCES_PX`, quarter turns changing nothing.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
        Grey levels; 0 to 1 are divided into `N_LEVELS`.
    inside : ndarray of bool, shape (cells, height, width)
        Pairs count where both pixels are inside.

    Returns
    -------
    ndarray of float32, shape (cells, 24)
        Distances of one property after those of another.

    References
    ----------
    Haralick, Shanmugam & Dinstein 1973, doi:10.1109/TSMC.1973.4309314.
    """
    features = optional("skimage.feature")
    # Level 0 stands for outside; its row and column are cut off again.
    levels = np.clip((images * N_LEVELS).astype(np.int32), 0, N_LEVELS - 1) + 1
    levels = np.where(inside, levels, 0).astype(np.uint8)
    rows = []
    for cell, mask in zip(levels, inside, strict=True):
        counts = features.graycomatrix(
            cell[window_of(mask)], DISTANCES_PX, _ANGLES, levels=N_LEVELS + 1, symmetric=True
        )
        both = counts[1:, 1:].sum(axis=3, keepdims=True).astype(np.float64)
        both /= np.maximum(both.sum(axis=(0, 1), keepdims=True), 1)
        rows.append([features.graycoprops(both, name)[:, 0] for name in PROPERTIES])
    return np.array(rows, np.float32).reshape(len(images), -1)
