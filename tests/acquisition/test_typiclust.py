from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from cellquery.acquisition import Candidates, query_strategy
from cellquery.acquisition.distances import nearest_squared
from cellquery.acquisition.typiclust import typicality, typicality_by_sample


def test_a_large_cluster_is_not_measured_against_all_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = 0
    their_own = NearestNeighbors.kneighbors

    def counted(self: Any, X: Any = None, **options: Any) -> Any:
        nonlocal measured
        measured += self.n_samples_fit_ * len(X)
        return their_own(self, X, **options)

    vectors = np.random.default_rng(5).normal(size=(12_000, 32)).astype(np.float32)
    exact = typicality(vectors, 20)
    monkeypatch.setattr(NearestNeighbors, "kneighbors", counted)
    ids = np.array([f"{i:05}" for i in range(12_000)], dtype=object)
    query = query_strategy("typiclust").query(
        Candidates(ids, embeddings=vectors), 1, np.random.default_rng(0)
    )
    assert measured <= 2 * 2000 * 12_000
    row = int(query.ids[0])
    assert exact[row] == pytest.approx(query.utilities[0], rel=1e-6)
    assert exact[row] > 0.99 * exact.max()


def test_a_smaller_cluster_is_measured_exactly() -> None:
    vectors = np.random.default_rng(5).normal(size=(4000, 4)).astype(np.float32)
    values = typicality_by_sample(vectors, 20, np.random.default_rng(0))
    assert values.tolist() == typicality(vectors, 20).tolist()


def test_more_neighbours_than_a_sample_has_cells_can_be_asked_for() -> None:
    vectors = np.random.default_rng(5).normal(size=(4300, 32)).astype(np.float32)
    assert np.isfinite(typicality_by_sample(vectors, 2100, np.random.default_rng(0))).all()


def test_many_labelled_cells_leave_it_better_than_random() -> None:
    random = np.random.default_rng(6)
    centres = random.normal(size=(60, 16))
    vectors = centres[random.integers(60, size=4000)] + random.normal(size=(4000, 16))
    labelled, vectors = np.split(vectors.astype(np.float32), [1500])
    ids = np.array([f"{i:04}" for i in range(2500)], dtype=object)
    cells = Candidates(ids, embeddings=vectors, labelled_embeddings=labelled)

    def far(name: str, **options: Any) -> float:
        """Return the mean distance of a candidate from the nearest labelled or chosen cell."""
        query = query_strategy(name, **options).query(cells, 300, np.random.default_rng(0))
        near = np.concatenate([labelled, vectors[query.ids.astype(int)]])
        return float(np.sqrt(nearest_squared(vectors, near)).mean())

    gained = far("random") - far("typiclust")
    assert gained > 2 * (far("random") - far("typiclust", max_clusters=500)) > 0
