"""Stabilised predictions: when further labels no longer change what the network says."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

ROUNDS_RUNNING = 3


def agreement(before: NDArray[Any], now: NDArray[Any]) -> float:
    """Return Cohen's kappa of two rounds' predictions for the same cells, 1.0 when all agree.

    Bloodgood & Vijay-Shanker 2009, "A method for stopping active learning based on stabilizing
    predictions", CoNLL, arXiv:1409.5165.
    """
    if np.array_equal(before, now):
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(before, now))


def stabilised(kappas: Sequence[float | None], threshold: float) -> bool:
    """Tell whether the last three rounds each agreed with the one before.

    Examples
    --------
    >>> stabilised([None, 0.97, 0.99, 0.995, 0.99], 0.99)
    True
    >>> stabilised([None, 0.99, 0.99], 0.99)
    False
    """
    last = list(kappas)[-ROUNDS_RUNNING:]
    return len(last) == ROUNDS_RUNNING and all(k is not None and k >= threshold for k in last)
