from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cellquery.acquisition import Candidates, query_strategy
from cellquery.acquisition.merging import merged, shortened, shortlist

SPREAD: list[dict[str, Any]] = [{"per_specimen_cap": 1}, {"per_specimen_cap": 2}]
SPREAD.append({"round_robin": True})


def objects(values: Any) -> Any:
    return np.array(list(values), dtype=object)


def pool(
    specimens: Sequence[str | None], labelled: Sequence[str | None], seed: int = 0
) -> Candidates:
    """Return cells of these specimens; some margins are equal."""
    first = 0.5 + np.random.default_rng(seed).integers(1, 30, len(specimens)) / 64
    return Candidates(
        objects(f"c{i:03}" for i in range(len(specimens))),
        np.stack([first, 1 - first], axis=1),
        groups=objects(specimens),
        labelled_groups=objects(labelled),
    )


def specimens_chosen(name: str, cells: Candidates, n: int, **options: Any) -> Counter[Any]:
    ids = query_strategy(name, **options).query(cells, n, np.random.default_rng(0)).ids
    of = dict(zip(cells.ids, cells.groups, strict=True))  # type: ignore[arg-type]
    return Counter(of[cell_id] for cell_id in ids)


def pools(names: Sequence[str | None]) -> st.SearchStrategy[Candidates]:
    """Return pools of up to 40 cells of these specimens, some of them labelled."""

    def drawn(n_cells: int, n_labelled: int, seed: int) -> Candidates:
        random = np.random.default_rng(seed)
        cells, labelled = (
            [names[i] for i in random.integers(len(names), size=n)] for n in (n_cells, n_labelled)
        )
        return pool(cells, labelled, seed)

    return st.builds(drawn, st.integers(0, 40), st.integers(0, 9), st.integers(0, 9999))


@pytest.mark.parametrize("name", ["margin", "core-set", "badge"])
@pytest.mark.parametrize("options", [{"per_specimen_cap": 1}, {"round_robin": True}], ids=str)
def test_one_specimen_with_all_the_best_cells_gives_only_its_share(
    name: str, options: dict[str, Any]
) -> None:
    random = np.random.default_rng(0)
    first, embeddings = np.full(1000, 0.9), random.normal(size=(1000, 8))
    first[:100], embeddings[:100] = 0.6, 100 * embeddings[:100]
    cells = Candidates(
        objects(f"c{i:03}" for i in range(1000)),
        np.stack([first, 1 - first], axis=1),
        embeddings.astype(np.float32),
        objects(["crowded"] * 100 + [f"s{i % 50}" for i in range(900)]),
    )
    assert specimens_chosen(name, cells, 10)["crowded"] >= 9
    assert set(specimens_chosen(name, cells, 10, **options).values()) == {1}


@given(cells=pools(["s", "t", "u", None]), n=st.integers(1, 20), cap=st.integers(1, 3))
def test_a_cap_walks_down_the_ranking_and_is_raised_one_by_one(
    cells: Candidates, n: int, cap: int
) -> None:
    groups: Any = cells.groups
    of = dict(zip(cells.ids, groups, strict=True))
    ranked = query_strategy("margin").query(cells, len(cells), np.random.default_rng(0)).ids
    waiting: list[str] = ranked.tolist()
    expected: list[str] = []
    count = Counter[Any]()
    for limit in range(cap, cap + 40):
        for cell_id in list(waiting):
            if len(expected) < n and (of[cell_id] is None or count[of[cell_id]] < limit):
                expected.append(cell_id)
                count[of[cell_id]] += 1
                waiting.remove(cell_id)
    query = query_strategy("margin", per_specimen_cap=cap).query(cells, n, np.random.default_rng(0))
    assert set(query.ids) == set(expected)


@given(cells=pools(["s", "t", "u", "v"]), n=st.integers(1, 20))
def test_round_robin_takes_the_best_of_each_specimen_turn_by_turn(
    cells: Candidates, n: int
) -> None:
    groups: Any = cells.groups
    labelled: Any = cells.labelled_groups
    of = dict(zip(cells.ids, groups, strict=True))
    count = Counter[Any](labelled.tolist())
    turns = []
    ranked = query_strategy("margin").query(cells, len(cells), np.random.default_rng(0)).ids
    for place, cell_id in enumerate(ranked):
        turns.append((count[of[cell_id]], place, cell_id))
        count[of[cell_id]] += 1
    query = query_strategy("margin", round_robin=True).query(cells, n, np.random.default_rng(0))
    assert query.ids.tolist() == [cell_id for _, _, cell_id in sorted(turns)[:n]]


@pytest.mark.parametrize("name", ["margin", "random"])
@pytest.mark.parametrize("options", SPREAD, ids=str)
@settings(max_examples=40)
@given(
    cells=pools(["s", "t", "u", None]),
    seed=st.integers(0, 9999),
    n=st.integers(0, 9),
)
def test_shortlists_merged_and_shortened_on_the_way_choose_as_the_whole_pool(
    name: str, options: dict[str, Any], cells: Candidates, seed: int, n: int
) -> None:
    strategy = query_strategy(name, **options)
    parts = np.random.default_rng(seed).integers(4, size=len(cells))
    so_far = shortlist(strategy, cells.rows(np.zeros(0, dtype=np.int64)), n)
    for part in range(4):
        rows = np.flatnonzero(parts == part)
        more = merged([so_far, shortlist(strategy, cells.rows(rows), n)])
        so_far = shortened(strategy, more, n)
    so_far = merged([so_far], cells.labelled_groups)
    if name == "margin":
        assert len(so_far) <= n * len(set(cells.groups.tolist()))  # type: ignore[union-attr]
    whole, together = (
        strategy.query(each, n, np.random.default_rng(3)) for each in (cells, so_far)
    )
    assert together.ids.tolist() == whole.ids.tolist()
    assert together.utilities.tolist() == whole.utilities.tolist()


def test_cells_of_unknown_specimen_are_not_limited() -> None:
    cells = pool([None] * 30 + ["s", "t", "u"] * 10, ["s"])
    n_unknown = specimens_chosen("margin", cells, 20)[None]
    assert n_unknown > 5
    in_turn = specimens_chosen("margin", cells, 20, round_robin=True)
    assert in_turn[None] == n_unknown
    assert max(in_turn[each] for each in "tu") - min(in_turn[each] for each in "tu") <= 1
    capped = specimens_chosen("margin", cells, 20, per_specimen_cap=1)
    assert capped == {None: 17, "s": 1, "t": 1, "u": 1}


def test_what_takes_the_place_of_surplus_cells_is_far_from_what_was_chosen() -> None:
    cells = Candidates(
        objects(["a-far", "a-mid", "b-beside-a-far", "c-near"]),
        embeddings=np.array([[100.0], [60.0], [99.0], [20.0]], dtype=np.float32),
        groups=objects("aabc"),
        labelled_embeddings=np.array([[0.0]], dtype=np.float32),
    )
    strategy = query_strategy("core-set", per_specimen_cap=1)
    ids = strategy.query(cells, 2, np.random.default_rng(0)).ids
    assert ids.tolist() == ["a-far", "c-near"]


def test_a_random_share_is_outside_the_cap() -> None:
    cells = pool(["crowded"] * 36 + ["s", "t", "u", "v"], [])
    chosen = specimens_chosen("margin", cells, 8, per_specimen_cap=1, random_share=0.5)
    assert chosen["crowded"] > 1
