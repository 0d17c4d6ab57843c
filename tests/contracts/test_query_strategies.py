"""One suite for every query strategy, and for every option laid around one."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest

from cellquery.acquisition import STRATEGIES, Candidates, Query, query_strategy

OPTIONS: list[dict[str, Any]] = [
    {},
    {"per_specimen_cap": 2},
    {"round_robin": True},
    {"random_share": 0.3},
    {"per_specimen_cap": 2, "random_share": 0.3},
]


def candidates(n_cells: int = 80, seed: int = 0, *, labelled: int = 10) -> Candidates:
    random = np.random.default_rng(seed)
    committee = random.dirichlet(np.ones(4) / 2, size=(5, n_cells))
    return Candidates(
        ids=np.array([f"cell-{i}" for i in random.permutation(n_cells)], dtype=object),
        probabilities=committee.mean(axis=0),
        embeddings=random.normal(size=(n_cells, 8)).astype(np.float32),
        groups=np.array([f"S{i % 7}" for i in range(n_cells)], dtype=object),
        committee=committee,
        labelled_embeddings=random.normal(size=(labelled, 8)).astype(np.float32),
        labelled_groups=np.array([f"S{i % 3}" for i in range(labelled)], dtype=object),
    )


def ask(name: str, options: dict[str, Any], cells: Candidates, n: int, seed: int = 1) -> Query:
    return query_strategy(name, **options).query(cells, n, np.random.default_rng(seed))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", STRATEGIES)
class TestQueryStrategy:
    def test_chooses_exactly_n_different_candidates(
        self, name: str, options: dict[str, Any]
    ) -> None:
        cells = candidates()
        for n in (1, 7, 40, 80):
            query = ask(name, options, cells, n)
            assert len(query) == n
            assert len(set(query.ids)) == n
            assert set(query.ids) <= set(cells.ids)
            assert query.utilities.shape == (n,)
            assert query.utilities.dtype == np.float64
            assert np.isfinite(query.utilities).all()

    def test_returns_nothing_for_none_and_everything_for_more_than_there_is(
        self, name: str, options: dict[str, Any]
    ) -> None:
        cells = candidates()
        assert len(ask(name, options, cells, 0)) == 0
        assert sorted(ask(name, options, cells, 500).ids) == sorted(cells.ids)

    def test_the_order_of_the_candidates_changes_nothing(
        self, name: str, options: dict[str, Any]
    ) -> None:
        cells = candidates()
        shuffled = cells.rows(np.random.default_rng(5).permutation(len(cells)))
        first, second = (ask(name, options, each, 12) for each in (cells, shuffled))
        assert first.ids.tolist() == second.ids.tolist()
        assert first.utilities == pytest.approx(second.utilities, abs=1e-6)

    def test_the_same_seed_gives_the_same_query(self, name: str, options: dict[str, Any]) -> None:
        cells = candidates()
        first, second = (ask(name, options, cells, 12, seed=3) for _ in range(2))
        assert first.ids.tolist() == second.ids.tolist()

    def test_equal_candidates_are_chosen_without_repeats(
        self, name: str, options: dict[str, Any]
    ) -> None:
        n_cells = 30
        cells = Candidates(
            ids=np.array([f"c{i}" for i in range(n_cells)], dtype=object),
            probabilities=np.full((n_cells, 4), 0.25),
            embeddings=np.ones((n_cells, 8), dtype=np.float32),
            groups=np.array(["S"] * n_cells, dtype=object),
            committee=np.full((3, n_cells, 4), 0.25),
        )
        query = ask(name, options, cells, 20)
        assert len(set(query.ids)) == 20

    def test_works_with_one_candidate_and_nothing_labelled(
        self, name: str, options: dict[str, Any]
    ) -> None:
        cells = candidates(1, labelled=0)
        assert ask(name, options, cells, 3).ids.tolist() == cells.ids.tolist()

    def test_works_where_specimens_are_unknown(self, name: str, options: dict[str, Any]) -> None:
        cells = candidates()
        for groups in (None, np.array([None] * len(cells), dtype=object)):
            unknown = Candidates(cells.ids, cells.probabilities, cells.embeddings, groups)
            unknown = Candidates(**{**vars(unknown), "committee": cells.committee})
            assert len(set(ask(name, options, unknown, 15).ids)) == 15


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_cap_limits_the_cells_of_a_specimen(name: str) -> None:
    cells = candidates()
    of = dict(zip(cells.ids, cells.groups, strict=True))  # type: ignore[arg-type]
    query = ask(name, {"per_specimen_cap": 2}, cells, 10)
    assert max(Counter(of[cell_id] for cell_id in query.ids).values()) <= 2


@pytest.mark.parametrize("name", STRATEGIES)
def test_round_robin_takes_from_all_specimens_alike(name: str) -> None:
    cells = candidates(labelled=0)
    of = dict(zip(cells.ids, cells.groups, strict=True))  # type: ignore[arg-type]
    counts = Counter(of[cell_id] for cell_id in ask(name, {"round_robin": True}, cells, 14).ids)
    assert set(counts.values()) == {2}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_million_candidates_fit_into_four_gibibytes(name: str) -> None:
    # What each further candidate adds; 10 members of a committee and 128 dimensions as measured by
    # `python bench/selection.py`.
    peaks = []
    for n_cells in (10_000, 30_000):
        random = np.random.default_rng(0)
        committee = random.random((10, n_cells, 6), dtype=np.float32)
        tracemalloc.start()
        cells = Candidates(
            ids=np.array([f"cell-{i}" for i in range(n_cells)], dtype=object),
            probabilities=committee[0].copy(),
            embeddings=random.standard_normal((n_cells, 128), dtype=np.float32),
            committee=committee.copy(),
            labelled_embeddings=random.standard_normal((20, 128), dtype=np.float32),
        )
        assert len(ask(name, {"random_share": 0.3}, cells, 20)) == 20
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    bytes_a_candidate = (peaks[1] - peaks[0]) / 20_000
    assert bytes_a_candidate < 3500
