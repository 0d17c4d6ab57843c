from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellquery.acquisition import Query
from cellquery.campaign import estimate_accuracy
from cellquery.campaign.standing import keep_standing, passed_over


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


def test_the_interval_covers_the_truth_although_people_answer_ahead(tmp_path: Path) -> None:
    """1,000 campaigns in which all cells are handed out in order, but for those of the audit."""
    random = np.random.default_rng(0)
    n_pool, n_audit, n_handed_out, covered, naive = 1000, 100, 300, 0, 0
    ids = np.array([f"{number:03}" for number in range(n_pool)], dtype=object)
    difficulty = np.sort(random.beta(1, 4, size=n_pool))[::-1]
    keep_standing(
        tmp_path / "standing.parquet",
        Query(ids, difficulty).named("margin"),
        ids,
        np.zeros(n_pool, np.int64),
    )
    for _ in range(1000):
        right = dict(zip(ids.tolist(), random.random(n_pool) > difficulty, strict=True))
        audit = set(random.choice(ids, n_audit, replace=False).tolist())
        ahead = [each for each in ids.tolist() if each not in audit][:n_handed_out]
        met = passed_over(tmp_path / "standing.parquet", audit, set(), dict.fromkeys(ahead, True))
        truth = np.mean([right[each] for each in set(ids) - set(ahead) - set(met)])
        estimate = estimate_accuracy(np.array([right[each] for each in audit - set(met)]))
        covered += estimate.low <= truth <= estimate.high
        left = np.mean([right[each] for each in set(ids) - set(ahead) - audit])
        wrong = estimate_accuracy(np.array([right[each] for each in audit]))
        naive += wrong.low <= left <= wrong.high
    assert covered / 1000 >= 0.95
    assert naive / 1000 < 0.7


def test_cells_met_are_those_up_to_the_last_handed_out(tmp_path: Path) -> None:
    order = Query(np.array(list("abcdefgh"), dtype=object), np.zeros(8)).named("margin")
    path = tmp_path / "standing.parquet"
    keep_standing(path, order, order.ids, np.zeros(8, np.int64))
    # b was labelled in a round, d was picked by an annotator; a and e were handed out.
    ahead = {"a": True, "d": False, "e": True}
    assert passed_over(path, {"c", "f", "g"}, {"b"}, ahead) == ["c"]
    assert passed_over(path, {"c", "f", "g"}, {"b"}, ahead | {"h": True}) == ["c", "f", "g"]
    assert passed_over(path, {"c"}, {"b"}, {"d": False}) == []
    assert passed_over(tmp_path / "none", {"c"}, set(), ahead) == []
