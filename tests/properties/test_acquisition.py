from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from cellquery.acquisition import STRATEGIES, Candidates, QueryStrategy, query_strategy
from cellquery.acquisition.merging import by_utility, merged, shortlist

LOGITS = arrays(np.float64, (12, 4), elements=st.integers(-40, 40).map(lambda n: n / 4))
IDS = np.array([f"c{i:02}" for i in range(12)], dtype=object)


def chosen(name: str, probabilities: np.ndarray) -> list[str]:
    cells = Candidates(IDS, probabilities)
    return list(query_strategy(name).query(cells, 5, np.random.default_rng(0)).ids)


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
@given(logits=LOGITS)
def test_the_order_of_the_patterns_changes_no_uncertainty(name: str, logits: np.ndarray) -> None:
    # Rounded: the order of a sum may change its last bit, and so the order of equals.
    probabilities = softmax(logits, axis=1)
    one = query_strategy(name).query(Candidates(IDS, probabilities), 12, np.random.default_rng(0))
    other = query_strategy(name).query(
        Candidates(IDS, probabilities[:, ::-1]), 12, np.random.default_rng(0)
    )
    first = dict(zip(one.ids, one.utilities, strict=True))
    second = dict(zip(other.ids, other.utilities, strict=True))
    assert first == pytest.approx(second)


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
@given(logits=LOGITS, constant=st.sampled_from([-8.0, 4.0, 64.0]))
def test_a_constant_added_to_the_logits_changes_nothing(
    name: str, logits: np.ndarray, constant: float
) -> None:
    # Quarters and powers of two add without rounding, so that equals stay equal.
    assert chosen(name, softmax(logits, axis=1)) == chosen(name, softmax(logits + constant, axis=1))


@given(n_labelled=st.integers(0, 11), seed=st.integers(0, 1000))
def test_a_labelled_cell_is_never_chosen(n_labelled: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(12, 3)).astype(np.float32)
    cells = Candidates(
        IDS[n_labelled:],
        embeddings=embeddings[n_labelled:],
        labelled_embeddings=embeddings[:n_labelled],
    )
    for name in ("core-set", "typiclust", "max-herding"):
        ids = query_strategy(name).query(cells, 4, random).ids
        assert not set(ids) & set(IDS[:n_labelled])


@pytest.mark.parametrize("name", ["random", "entropy", "least-confidence", "margin"])
@pytest.mark.parametrize(
    "options", [{}, {"per_specimen_cap": 1}, {"round_robin": True}, {"random_share": 0.4}]
)
@given(
    logits=LOGITS, part_of=arrays(np.int64, 12, elements=st.integers(0, 3)), n=st.integers(0, 13)
)
def test_any_parts_of_a_pool_together_choose_as_the_whole_pool(
    name: str, options: dict[str, Any], logits: np.ndarray, part_of: np.ndarray, n: int
) -> None:
    groups = np.array(["s", "t", None] * 4, dtype=object)
    labelled = np.array(["s", "s"], dtype=object)
    pool = Candidates(IDS, softmax(logits, axis=1), groups=groups, labelled_groups=labelled)
    assert_parts_choose_as_the_whole(query_strategy(name, **options), pool, part_of, n)


@pytest.mark.parametrize("name", ["committee", "bald"])
@pytest.mark.parametrize("how", [0, 1])
@settings(max_examples=30)
@given(
    logits=arrays(np.float64, (3, 12, 4), elements=st.integers(-40, 40).map(lambda n: n / 4)),
    part_of=arrays(np.int64, 12, elements=st.integers(0, 3)),
    n=st.integers(0, 13),
)
def test_any_parts_of_a_pool_together_choose_as_the_whole_pool_by_a_committee(
    name: str, how: int, logits: np.ndarray, part_of: np.ndarray, n: int
) -> None:
    options: Any = {
        "committee": [{"method": "kl"}, {"method": "vote-entropy"}],
        "bald": [{"batch": "top"}, {"batch": "power"}],
    }[name][how]
    pool = Candidates(IDS, committee=softmax(logits, axis=2))
    assert_parts_choose_as_the_whole(query_strategy(name, **options), pool, part_of, n)


def assert_parts_choose_as_the_whole(
    strategy: QueryStrategy, pool: Candidates, part_of: np.ndarray, n: int
) -> None:
    parts = [pool.rows(np.flatnonzero(part_of == part)) for part in np.unique(part_of)]
    lists = merged([shortlist(strategy, part, n) for part in parts], pool.labelled_groups)
    whole = strategy.query(pool, n, np.random.default_rng(3))
    together = strategy.query(lists, n, np.random.default_rng(3))
    assert together.ids.tolist() == whole.ids.tolist()
    assert together.utilities.tolist() == whole.utilities.tolist()


def test_strategies_that_compare_candidates_are_told_from_those_by_utility() -> None:
    alone = {"random", "entropy", "least-confidence", "margin", "bald", "committee"}
    for name in STRATEGIES:
        for options in ({}, {"per_specimen_cap": 2, "random_share": 0.5}):
            strategy = query_strategy(name, **options)
            assert (by_utility(strategy) is not None) == (name in alone)
