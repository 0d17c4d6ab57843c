"""Confident learning against cleanlab 2.9.0 (Northcutt et al. 2021) on the same arrays.

Values by, in an environment with cleanlab, which is not one of this package's:

    labels, probabilities = drawn(3, 120)
    cleanlab.count.compute_confident_joint(labels, probabilities, calibrate=False).tolist()
    cleanlab.filter.find_label_issues(labels, probabilities, filter_by="confident_learning",
                                      return_indices_ranked_by="normalized_margin").tolist()
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.metrics import confident_patterns, likely_label_errors

N_PATTERNS = 6


def drawn(seed: int, n: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Labels of which one in ten is wrong, and probabilities of the true patterns."""
    random = np.random.default_rng(seed)
    true = random.integers(N_PATTERNS, size=n)
    wrong = random.random(n) < 0.12
    labels = np.where(wrong, random.integers(N_PATTERNS, size=n), true)
    alpha = np.full((n, N_PATTERNS), 0.4)
    alpha[np.arange(n), true] += np.linspace(1, 5, N_PATTERNS)[true]
    weights = random.gamma(alpha)
    return labels, weights / weights.sum(axis=1, keepdims=True)


def test_the_confident_joint_is_theirs() -> None:
    labels, probabilities = drawn(3, 120)
    confident = confident_patterns(labels, probabilities)
    joint = np.zeros((N_PATTERNS, N_PATTERNS), dtype=np.int64)
    np.add.at(joint, (labels[confident >= 0], confident[confident >= 0]), 1)
    assert joint.tolist() == [
        [9, 0, 0, 0, 0, 1],
        [0, 15, 0, 0, 2, 0],
        [0, 2, 12, 1, 0, 0],
        [0, 0, 0, 15, 1, 1],
        [0, 0, 0, 0, 5, 0],
        [0, 1, 0, 0, 1, 12],
    ]


def test_the_likely_errors_and_their_order_are_theirs() -> None:
    assert likely_label_errors(*drawn(3, 120)).tolist() == [
        106, 44, 16, 29, 100, 101, 77, 14, 73, 99
    ]  # fmt: skip


def test_a_pattern_that_no_label_has_is_never_suspected() -> None:
    labels, probabilities = drawn(5, 200)
    labels[labels == 2] = 3
    assert 2 not in confident_patterns(labels, probabilities)


def test_labels_that_are_most_probable_are_never_suspected() -> None:
    _, probabilities = drawn(7, 200)
    assert likely_label_errors(probabilities.argmax(axis=1), probabilities).tolist() == []
