"""How good the network is on the cells that nobody labelled, from cells drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AccuracyEstimate:
    """Share of the unlabelled pool that the network names rightly.

    Attributes
    ----------
    accuracy : float
        0 to 1; NaN without audit cells.
    low, high : float
        Bounds of an exact interval (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404), which
        covers the truth at least as often as `confidence` says.
    n_cells : int
        How many audit cells it rests on.
    confidence : float
    """

    accuracy: float
    low: float
    high: float
    n_cells: int
    confidence: float


def estimate_accuracy(right: NDArray[Any], confidence: float = 0.95) -> AccuracyEstimate:
    """Return an estimate from the audit cells that no training has seen.

    The audit cells are drawn at random before the first round and labelled, but the choice of
    cells does not know which they are. One that is chosen joins the training and leaves the
    audit; those that stay are a random sample of all cells that were not chosen, however these
    were chosen. That is why the interval holds, which the accuracy on chosen cells never does.

    Parameters
    ----------
    right : ndarray of bool, shape (audit cells not chosen,)
    confidence : float

    Examples
    --------
    >>> estimate_accuracy(np.array([True] * 97 + [False] * 3)).accuracy
    0.97
    """
    n_cells = len(right)
    if not n_cells:
        return AccuracyEstimate(float("nan"), 0.0, 1.0, 0, confidence)
    from scipy.stats import binomtest

    test = binomtest(int(np.sum(right)), n_cells)
    interval = test.proportion_ci(confidence, method="exact")
    return AccuracyEstimate(
        float(test.statistic), float(interval.low), float(interval.high), n_cells, confidence
    )
