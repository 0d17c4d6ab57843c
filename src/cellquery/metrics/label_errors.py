"""Labels that are likely wrong, by what networks said that had not learnt them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def confident_patterns(labels: NDArray[np.int64], probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """Return the pattern that each cell confidently has, -1 where it has none.

    A cell confidently has a pattern when its probability is at least the mean probability of that
    pattern over the cells labelled with it; of several the most probable. The thresholds are each
    pattern's own, so a pattern that networks are never sure of is not suspected as a whole. Counted
    by label and confident pattern, cells give the confident joint.

    Parameters
    ----------
    labels : ndarray of int, shape (cells,)
        The given labels, as columns of `probabilities`.
    probabilities : ndarray of float, shape (cells, patterns)
        Out of sample: of models that had not learnt the cell's label. Rows sum to 1.

    References
    ----------
    Northcutt, Jiang & Chuang 2021, equations 1 and 2, doi:10.1613/jair.1.12125.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6]])
    >>> confident_patterns(np.array([0, 0, 1, 1, 1]), probabilities)
    array([ 0, -1,  1,  0,  1])
    """
    n_patterns = probabilities.shape[1]
    thresholds = np.full(n_patterns, np.inf)
    for pattern in np.unique(labels):
        thresholds[pattern] = probabilities[labels == pattern, pattern].mean()
    # Equal probabilities have a mean that rounding may put above them.
    confident = probabilities >= thresholds - 1e-9
    best = np.where(confident, probabilities, -1.0).argmax(axis=1)
    return np.where(confident.any(axis=1), best, -1).astype(np.int64)


def likely_label_errors(
    labels: NDArray[np.int64], probabilities: NDArray[Any]
) -> NDArray[np.int64]:
    """Return the rows of labels that are likely wrong, the most suspicious first.

    Those off the diagonal of the confident joint whose label is not what was most probable, by how
    far the label is behind that (the normalised margin of Northcutt et al. 2021). Parameters are
    those of `confident_patterns`.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6]])
    >>> likely_label_errors(np.array([0, 0, 1, 1, 1]), probabilities)
    array([3])
    """
    confident = confident_patterns(labels, probabilities)
    likely = (confident >= 0) & (confident != labels) & (probabilities.argmax(axis=1) != labels)
    rows = np.flatnonzero(likely)
    behind = probabilities[rows].max(axis=1) - probabilities[rows, labels[rows]]
    most: NDArray[np.int64] = rows[np.argsort(-behind, kind="stable")]
    return most
