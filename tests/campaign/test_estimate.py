from __future__ import annotations

import numpy as np
import pytest

from cellquery.campaign import estimate_accuracy


def test_without_audit_cells_nothing_is_known() -> None:
    nothing = estimate_accuracy(np.zeros(0, dtype=bool))
    assert np.isnan(nothing.accuracy)
    assert (nothing.low, nothing.high) == (0, 1)


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    # 9 of 10: textbook values.
    nine = estimate_accuracy(np.array([True] * 9 + [False]))
    assert (nine.low, nine.high) == pytest.approx((0.5550, 0.9975), abs=1e-4)


@pytest.mark.parametrize("n_audit", [40, 150])
def test_the_interval_covers_the_truth_although_cells_are_chosen_actively(n_audit: int) -> None:
    """1,000 campaigns in which hard cells are chosen first and then named rightly."""
    random = np.random.default_rng(0)
    n_pool, n_chosen, covered, naive = 1000, 200, 0, 0
    for _ in range(1000):
        difficulty = random.beta(1, 4, size=n_pool)
        right = random.random(n_pool) > difficulty
        audit = random.choice(n_pool, n_audit, replace=False)
        noise = random.normal(0, 0.05, size=n_pool)
        chosen = np.argsort(-(difficulty + noise))[:n_chosen]
        left = np.setdiff1d(np.arange(n_pool), chosen)
        truth = right[left].mean()
        estimate = estimate_accuracy(right[np.intersect1d(audit, left)])
        covered += estimate.low <= truth <= estimate.high
        wrong = estimate_accuracy(right[chosen[:n_audit]])
        naive += wrong.low <= truth <= wrong.high
    assert covered / 1000 >= 0.95
    assert naive / 1000 < 0.2
