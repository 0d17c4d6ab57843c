"""Stabilised predictions: when further labels no longer change what the network says."""

from __future__ import annotations

from collections.abc import Sequence

ROUNDS_RUNNING = 3


def stabilised(kappas: Sequence[float | None], threshold: float) -> bool:
    """Tell whether the last three rounds each agreed with the one before.

    Bloodgood & Vijay-Shanker 2009, "A method for stopping active learning based on stabilizing
    predictions", CoNLL, arXiv:1409.5165.

    Examples
    --------
    >>> stabilised([None, 0.97, 0.99, 0.995, 0.99], 0.99)
    True
    >>> stabilised([None, 0.99, 0.99], 0.99)
    False
    """
    last = list(kappas)[-ROUNDS_RUNNING:]
    return len(last) == ROUNDS_RUNNING and all(k is not None and k >= threshold for k in last)
