from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellquery.acquisition import Candidates, query_strategy
from cellquery.core import AcquisitionError, SettingsError


def named(n: int) -> Any:
    return np.array([f"c{i:02}" for i in range(n)], dtype=object)


def chosen(name: str, cells: Candidates, n: int, **options: Any) -> list[str]:
    ids = query_strategy(name, **options).query(cells, n, np.random.default_rng(0)).ids
    return [str(cell_id) for cell_id in ids]


UNSURE = np.array(
    [
        [0.98, 0.01, 0.01],
        [0.50, 0.49, 0.01],
        [0.40, 0.30, 0.30],
        [0.70, 0.15, 0.15],
    ]
)


def test_each_uncertainty_has_its_own_favourite() -> None:
    cells = Candidates(named(4), UNSURE)
    assert chosen("margin", cells, 2) == ["c01", "c02"]
    assert chosen("entropy", cells, 2) == ["c02", "c03"]
    assert chosen("least-confidence", cells, 2) == ["c02", "c01"]


def test_bald_wants_sure_members_that_disagree() -> None:
    agreed = [[0.5, 0.5], [0.5, 0.5]]
    disputed = [[1.0, 0.0], [0.0, 1.0]]
    committee = np.array([agreed, disputed]).transpose(1, 0, 2)
    cells = Candidates(named(2), committee.mean(axis=0), committee=committee)
    query = query_strategy("bald", batch="top").query(cells, 2, np.random.default_rng(0))
    assert query.ids.tolist() == ["c01", "c00"]
    assert query.utilities == pytest.approx([np.log(2), 0])


def test_core_set_goes_to_the_farthest_from_what_is_labelled() -> None:
    line = np.array([[0.0], [1.0], [5.0], [9.0]], dtype=np.float32)
    cells = Candidates(
        named(4), embeddings=line, labelled_embeddings=np.array([[0.0]], dtype=np.float32)
    )
    assert chosen("core-set", cells, 3) == ["c03", "c02", "c01"]


def test_badge_ignores_cells_that_the_network_is_sure_of() -> None:
    probabilities = np.array([[1.0, 0.0], [0.6, 0.4], [1.0, 0.0], [0.5, 0.5]])
    embeddings = np.array([[9, 9], [1, 0], [8, 8], [0, 1]], dtype=np.float32)
    assert set(chosen("badge", Candidates(named(4), probabilities, embeddings), 2)) == {
        "c01",
        "c03",
    }


def test_typiclust_takes_the_middle_of_each_cluster() -> None:
    random = np.random.default_rng(3)
    blobs = [random.normal(centre, 0.1, size=(21, 2)) for centre in (0, 5, 10)]
    for blob, centre in zip(blobs, (0, 5, 10), strict=True):
        blob[0] = centre
    embeddings = np.concatenate(blobs).astype(np.float32)
    ids = chosen("typiclust", Candidates(named(63), embeddings=embeddings), 3)
    places = sorted(int(cell_id[1:]) // 21 for cell_id in ids)
    assert places == [0, 1, 2]
    assert all(np.abs(embeddings[int(i[1:])] - 5 * (int(i[1:]) // 21)).max() < 0.15 for i in ids)


def test_max_herding_covers_both_blobs_before_any_twice() -> None:
    random = np.random.default_rng(3)
    angles = np.concatenate([random.normal(0, 0.05, 40), random.normal(1.5, 0.05, 40)])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ids = chosen("max-herding", Candidates(named(80), embeddings=embeddings), 2, bandwidth=0.2)
    assert sorted(int(i[1:]) // 40 for i in ids) == [0, 1]


def test_max_herding_finds_what_plain_greedy_finds() -> None:
    random = np.random.default_rng(8)
    embeddings = random.normal(size=(60, 6)).astype(np.float32)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    kernel = np.exp(-((unit[:, None] - unit) ** 2).sum(axis=2) / (2 * 0.5**2))
    covered, expected = np.zeros(60), []
    for _ in range(8):
        gains = np.maximum(kernel - covered, 0).mean(axis=1)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[expected[-1]])
    ids = chosen("max-herding", Candidates(named(60), embeddings=embeddings), 8, bandwidth=0.5)
    assert [int(i[1:]) for i in ids] == expected


def test_cluster_margin_spreads_small_margins_over_clusters() -> None:
    random = np.random.default_rng(3)
    embeddings = np.concatenate([random.normal(c, 0.1, size=(10, 2)) for c in (0, 5)])
    first = np.full(20, 0.51)
    first[:10] = 0.505
    probabilities = np.stack([first, 1 - first], axis=1)
    cells = Candidates(named(20), probabilities, embeddings.astype(np.float32))
    ids = chosen("cluster-margin", cells, 2, oversampling=10)
    assert sorted(int(i[1:]) // 10 for i in ids) == [0, 1]


def test_a_random_share_comes_from_what_is_left() -> None:
    random = np.random.default_rng(0)
    cells = Candidates(named(50), random.dirichlet(np.ones(3), size=50))
    margin = chosen("margin", cells, 6)
    mixed = chosen("margin", cells, 10, random_share=0.4)
    assert mixed[:6] == margin
    assert not set(mixed[6:]) & set(margin)


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"probabilities": np.array([[np.nan, 1.0]] * 3)}, "not finite"),
        ({"probabilities": np.array([[-0.5, 1.5]] * 3)}, "negative probabilities"),
        ({"probabilities": np.ones((2, 2)) / 2}, "2 rows of probabilities for 3 cells"),
        ({"embeddings": np.full((3, 2), np.inf, dtype=np.float32)}, "not finite"),
        ({"committee": np.ones((2, 4, 2)) / 2}, "4 of 3 cells"),
        ({"ids": np.array(["a", "b", "a"], dtype=object)}, "stands twice"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(arrays: dict[str, Any], fault: str) -> None:
    with pytest.raises(AcquisitionError, match=fault):
        Candidates(**{"ids": named(3), **arrays})


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("uncertainty", {}, "no strategy 'uncertainty'.*margin"),
        ("typiclust", {"neighbours": 3}, "no option 'neighbours'.*n_neighbours"),
        ("margin", {"per_specimen_cap": 0}, "per_specimen_cap"),
        ("margin", {"per_specimen_cap": 1, "round_robin": True}, "round_robin"),
        ("margin", {"random_share": 1.0}, "random_share"),
    ],
)
def test_unknown_names_and_options_are_refused(
    name: str, options: dict[str, Any], fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        query_strategy(name, **options)
