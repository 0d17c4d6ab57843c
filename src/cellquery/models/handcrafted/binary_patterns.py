"""Histograms of local binary patterns, which quarter turns do not change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellquery.models.extras import optional
from cellquery.models.handcrafted.place import window_of

RINGS = ((8, 1.0, 0.0), (8, 2.0, 0.5), (16, 4.0, 1.0))
"""Points, radius and standard deviation of blur, in pixels, of each scale."""

# Grey levels become integers, so that neighbours which are equal stay so: interpolation between
# floating-point levels would make noise of flat areas.
_N_LEVELS = 10_000


def pattern_histograms(
    images: NDArray[np.float32], inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the shares of uniform rotation-invariant patterns of each cell, scale after scale.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
        Grey levels, about 0 to 1.
    inside : ndarray of bool, shape (cells, height, width)
        Where patterns count.

    Returns
    -------
    ndarray of float32, shape (cells, 38)
        10, 10 and 18 shares, which sum to 1 at each scale of `RINGS`.

    References
    ----------
    Ojala, Pietikäinen & Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623, "riu2".
    """
    features = optional("skimage.feature")
    scales = []
    for n_points, radius, sigma in RINGS:
        blurred = ndimage.gaussian_filter(images, (0, sigma, sigma))
        levels = np.rint(np.clip(blurred, -3, 3) * _N_LEVELS).astype(np.int32)
        shares = np.zeros((len(images), n_points + 2), np.float32)
        for cell, mask in enumerate(inside):
            window = window_of(mask, margin=int(radius) + 1)
            codes = features.local_binary_pattern(
                levels[cell][window], n_points, radius, "uniform"
            )[mask[window]]
            counts = np.bincount(codes.astype(np.int64), minlength=n_points + 2)
            shares[cell] = counts / max(counts.sum(), 1)
        scales.append(shares)
    return np.concatenate(scales, axis=1)
