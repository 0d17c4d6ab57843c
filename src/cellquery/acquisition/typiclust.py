"""TypiClust: a typical cell of each part of the embedding space."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.clusters import clusters_of
from cellquery.acquisition.contract import in_turn

_SAMPLE = 2000


@dataclass(frozen=True)
class TypiClust:
    """Typical cells of clusters without labels (Hacohen et al. 2022, arXiv:2202.02794).

    Works before anything is labelled. Clusters are as many as labelled and wanted cells together;
    a typical cell is near its neighbours in the cluster. Of clusters of more than 4,000 cells see
    `typicality_by_sample`.

    Parameters
    ----------
    n_neighbours : int
    max_clusters : int or None
        The source's code stops at 500, which beside thousands of labelled cells is hardly better
        than a random choice.
    """

    n_neighbours: int = 20
    max_clusters: int | None = None

    name: ClassVar[str] = "typiclust"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are typicalities, 1 / mean distance to neighbours."""
        candidates = candidates.in_order()
        n_cells = len(candidates)
        n = min(n, n_cells)
        if n <= 0:
            return in_turn(candidates, [], [])
        labelled = candidates.labelled_embeddings
        parts = [candidates.embeddings, labelled] if len(labelled) else [candidates.embeddings]
        vectors = np.concatenate(parts, dtype=np.float32)
        n_clusters = len(labelled) + n
        numbers = clusters_of(vectors, min(n_clusters, self.max_clusters or n_clusters), random)
        covered = np.bincount(numbers[n_cells:], minlength=numbers.max() + 1)
        numbers = numbers[:n_cells]
        sizes = np.bincount(numbers, minlength=len(covered))
        members = np.split(np.argsort(numbers, kind="stable"), np.cumsum(sizes)[:-1])
        # Fewest labels first, then the largest.
        turns = [(int(covered[k]), -int(sizes[k]), int(k)) for k in np.flatnonzero(sizes)]
        heapq.heapify(turns)
        waiting: dict[int, list[tuple[float, int]]] = {}
        chosen: list[tuple[float, int]] = []
        while len(chosen) < n:
            n_labels, size, number = turns[0]
            if number not in waiting:
                values = typicality_by_sample(vectors[members[number]], self.n_neighbours, random)
                order = np.argsort(-values, kind="stable")[::-1]
                waiting[number] = list(
                    zip(values[order].tolist(), members[number][order].tolist(), strict=True)
                )
            chosen.append(waiting[number].pop())
            if waiting[number]:
                heapq.heapreplace(turns, (n_labels + 1, size, number))
            else:
                heapq.heappop(turns)
        utilities, rows = zip(*chosen, strict=True)
        return in_turn(candidates, list(rows), list(utilities))


def typicality_by_sample(
    vectors: NDArray[Any], n_neighbours: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return `typicality`, of more than 4,000 rows exactly only for some 2,000 that lead.

    These are found, and the others valued, by their nearest neighbours among 2,000 random rows, so
    that time grows with the rows and not with their square. What is lost is a knot of a few dozen
    cells, much closer to each other than all the rest, which such a sample may pass over.
    """
    n_sample = max(_SAMPLE, n_neighbours + 1)
    if len(vectors) <= 2 * n_sample:
        return typicality(vectors, n_neighbours)
    sample = np.sort(random.choice(len(vectors), n_sample, replace=False))
    drawn = np.isin(np.arange(len(vectors)), sample)
    values = _nearness(vectors, drawn, vectors[sample], n_neighbours)
    best = np.argsort(-values, kind="stable")[:n_sample]
    values[best] = _nearness(vectors[best], np.ones(n_sample, bool), vectors, n_neighbours)
    return values


def typicality(vectors: NDArray[Any], n_neighbours: int) -> NDArray[np.float64]:
    """Return the inverse of each row's mean distance to its nearest neighbours, shape (rows,)."""
    n_neighbours = min(n_neighbours, len(vectors) - 1)
    if n_neighbours < 1:
        return np.ones(len(vectors))
    return _nearness(vectors, np.ones(len(vectors), bool), vectors, n_neighbours)


def _nearness(
    vectors: NDArray[Any], among: NDArray[np.bool_], others: NDArray[Any], n_neighbours: int
) -> NDArray[np.float64]:
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=n_neighbours + 1).fit(others).kneighbors(vectors)
    # A row that is among the others is the nearest to itself.
    distances = np.where(among[:, None], distances[:, 1:], distances[:, :-1])
    values: NDArray[np.float64] = 1 / (distances.mean(axis=1) + 1e-9)
    return values
