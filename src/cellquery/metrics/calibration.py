"""Whether a network that says 90 % is right nine times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReliabilityBin:
    """The cells whose confidence fell into one bin: mean confidence, accuracy, number of cells."""

    confidence: float
    accuracy: float
    count: int


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], n_bins: int = 15
) -> list[ReliabilityBin]:
    """Return the bins that hold cells, of equal width over 0 to 1.

    Parameters
    ----------
    confidence : ndarray of float, shape (cells,)
        The highest probability of each cell.
    right : ndarray of bool, shape (cells,)
        Whether the most probable pattern is the true one.
    n_bins : int
    """
    place = np.clip((confidence * n_bins).astype(int), 0, n_bins - 1)
    counts = np.bincount(place, minlength=n_bins)
    confidences = np.bincount(place, weights=confidence, minlength=n_bins)
    rights = np.bincount(place, weights=right, minlength=n_bins)
    return [
        ReliabilityBin(
            float(confidences[b] / counts[b]), float(rights[b] / counts[b]), int(counts[b])
        )
        for b in np.flatnonzero(counts)
    ]


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], n_bins: int = 15
) -> float:
    """Return the expected calibration error (ECE), 0 to 1; NaN without cells.

    The mean distance of accuracy from confidence over bins, weighted by their cells (Guo et al.
    2017, arXiv:1706.04599, Eq. 3).

    Examples
    --------
    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
    0.4
    """
    if not len(confidence):
        return float("nan")
    bins = reliability(confidence, right, n_bins)
    return sum(bin.count * abs(bin.accuracy - bin.confidence) for bin in bins) / len(confidence)
