"""Cluster-margin beside its source's average linkage (Citovsky et al. 2021, arXiv:2107.14263)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering

from cellquery.acquisition import Candidates, query_strategy
from cellquery.acquisition.distances import squared_distances
from cellquery.acquisition.margin import margin_utility


def by_average_linkage(vectors: Any, utilities: Any, n: int, n_kept: int) -> list[int]:
    """Return cells in turn from clusters of those of smallest margin, the smallest cluster first.

    The source takes a random cell of a cluster; here, as in ours, that of smallest margin.
    """
    kept = np.argsort(-utilities)[:n_kept]
    numbers = AgglomerativeClustering(n_clusters=n, linkage="average").fit_predict(vectors[kept])
    clusters = sorted((kept[numbers == k].tolist() for k in range(n)), key=len)
    turns = [(depth, place) for place, rows in enumerate(clusters) for depth in range(len(rows))]
    return [clusters[place][depth] for depth, place in sorted(turns)[:n]]


@pytest.mark.parametrize("n", [60, 100])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_as_unsure_and_nearly_as_diverse_as_by_average_linkage(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(60, 16))
    group = random.choice(60, 1000, p=random.dirichlet(np.ones(60)))
    vectors = (centres[group] + random.normal(scale=0.35, size=(1000, 16))).astype(np.float32)
    odds = np.exp(vectors @ random.normal(size=(16, 6)) / 2)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    utilities = margin_utility(probabilities)
    ids = np.array([f"{i:03}" for i in range(1000)], dtype=object)
    cells = Candidates(ids, probabilities, vectors)

    def chosen(name: str) -> Any:
        return query_strategy(name).query(cells, n, np.random.default_rng(0)).ids.astype(int)

    def margin(rows: Any) -> float:
        return float((1 - utilities[rows]).mean())

    def apart(rows: Any) -> float:
        """Return the mean distance of a cell from the nearest other of the batch."""
        squared = squared_distances(vectors[rows], vectors[rows])
        np.fill_diagonal(squared, np.inf)
        return float(np.sqrt(squared.min(axis=1)).mean())

    ours, smallest = chosen("cluster-margin"), chosen("margin")
    theirs = by_average_linkage(vectors, utilities, n, 5 * n)
    assert margin(ours) < margin(theirs)
    assert apart(ours) > 0.9 * apart(theirs)
    assert apart(ours) > 1.1 * apart(smallest)
    assert len(set(group[ours])) > 0.9 * len(set(group[theirs]))
