"""Clusters of embeddings, fast enough for any pool."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.distances import pieces, squared_distances

_AT_ONCE = 100
_SAMPLE = 20_000
_STEPS = 5


def clusters_of(
    vectors: NDArray[Any], n_clusters: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return the number of each row's cluster; some may stay empty.

    k-means with a start by k-means++ (Arthur & Vassilvitskii 2007), on 20,000 random rows at most;
    the others go to the nearest mean. More than 100 clusters are parts of clusters, as many of each
    as its size asks for, so that time grows with the rows and hardly with the clusters.
    """
    n_clusters = max(1, min(n_clusters, len(vectors)))
    if n_clusters <= _AT_ONCE:
        return _k_means(vectors, n_clusters, random)
    parts = _k_means(vectors, min(ceil(n_clusters / _AT_ONCE), _AT_ONCE), random)
    numbers = np.empty(len(vectors), dtype=np.int64)
    n_before = 0
    for part in np.unique(parts):
        rows = np.flatnonzero(parts == part)
        share = max(1, round(n_clusters * len(rows) / len(vectors)))
        if len(rows) == len(vectors):
            # Rows all alike, which would be divided without end.
            share = _AT_ONCE
        numbers[rows] = n_before + clusters_of(vectors[rows], share, random)
        n_before += share
    return numbers


def _k_means(
    vectors: NDArray[Any], n_clusters: int, random: np.random.Generator
) -> NDArray[np.int64]:
    from sklearn.cluster import kmeans_plusplus

    sample = vectors
    if len(vectors) > _SAMPLE:
        sample = vectors[np.sort(random.choice(len(vectors), _SAMPLE, replace=False))]
    means, _ = kmeans_plusplus(sample, n_clusters, random_state=int(random.integers(2**31)))
    for _ in range(_STEPS):
        members = _nearest(sample, means) == np.arange(n_clusters)[:, None]
        n_members = members.sum(axis=1, keepdims=True)
        sums = members.astype(sample.dtype) @ sample
        means = np.where(n_members, sums / np.maximum(n_members, 1), means).astype(sample.dtype)
    return _nearest(vectors, means)


def _nearest(vectors: NDArray[Any], means: NDArray[Any]) -> NDArray[np.int64]:
    found = [
        squared_distances(vectors[piece], means).argmin(axis=1)
        for piece in pieces(len(vectors), len(means))
    ]
    return np.concatenate(found)
