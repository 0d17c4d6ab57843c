from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans

from cellquery.acquisition.clusters import clusters_of


def spread_out(n: int, n_groups: int) -> Any:
    random = np.random.default_rng(4)
    centres = random.normal(size=(n_groups, 8))
    noise = random.normal(scale=0.5, size=(n, 8))
    return (centres[random.integers(n_groups, size=n)] + noise).astype(np.float32)


def within(vectors: Any, numbers: Any) -> float:
    """Return the squared distances from the means of clusters, summed."""
    return sum(
        float(((vectors[numbers == k] - vectors[numbers == k].mean(axis=0)) ** 2).sum())
        for k in np.unique(numbers)
    )


@pytest.mark.parametrize("n_clusters", [8, 100, 400])
def test_clusters_are_about_as_many_and_as_tight_as_those_of_scikit_learn(n_clusters: int) -> None:
    vectors = spread_out(2000, 30)
    numbers = clusters_of(vectors, n_clusters, np.random.default_rng(0))
    assert len(np.unique(numbers)) == pytest.approx(n_clusters, rel=0.05)
    theirs = KMeans(n_clusters, n_init=1, random_state=0).fit(vectors).inertia_
    assert within(vectors, numbers) < 1.1 * theirs


def test_rows_beyond_the_sample_go_to_the_nearest_mean() -> None:
    centres = np.array([[0, 0], [0, 9], [9, 0]], dtype=np.float32)
    group = np.random.default_rng(0).integers(3, size=30_000)
    numbers = clusters_of(centres[group], 3, np.random.default_rng(0))
    assert len(set(zip(group.tolist(), numbers.tolist(), strict=True))) == 3


@pytest.mark.parametrize("n_far", [0, 1, 5])
def test_equal_rows_are_not_divided_without_end(n_far: int) -> None:
    vectors = np.ones((900, 4), dtype=np.float32)
    vectors[:n_far] = 10.0 ** np.arange(1, n_far + 1)[:, None]
    numbers = clusters_of(vectors, 700, np.random.default_rng(0))
    assert len(np.unique(numbers)) >= n_far + 1
