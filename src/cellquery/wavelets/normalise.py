"""Grey-level scaling of one cell before it is resized and transformed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (1.0, 99.5)


def per_image_limits(pixels: NDArray[np.integer] | NDArray[np.floating]) -> tuple[float, float]:
    """Return the grey levels of one cell that per-image scaling maps to 0 and 1.

    Parameters
    ----------
    pixels : ndarray, any shape
        Grey levels of one cell; integers are counted in a histogram, which is many times faster
        than sorting.

    Returns
    -------
    low, high : float
        The 1st and the 99.5th percentile (nearest rank); ``high`` is above ``low`` unless the
        image is constant.

    Examples
    --------
    >>> per_image_limits(np.arange(201, dtype=np.uint8))
    (2.0, 199.0)
    """
    flat = pixels.ravel()
    if np.issubdtype(flat.dtype, np.integer):
        cumulative = np.cumsum(np.bincount(flat))
        ranks = [np.ceil(flat.size * percentile / 100) for percentile in PERCENTILES]
        low, high = (float(np.searchsorted(cumulative, rank)) for rank in ranks)
    else:
        low, high = (float(level) for level in np.percentile(flat, PERCENTILES))
    if high <= low:
        low, high = float(flat.min()), float(flat.max())
    return low, high


def standardise(image: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Return the image with ``low`` at 0 and ``high`` at 1, or all zero when they are equal."""
    if high <= low:
        return np.zeros_like(image, dtype=np.float32)
    return ((image - np.float32(low)) / np.float32(high - low)).astype(np.float32)
