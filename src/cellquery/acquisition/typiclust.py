"""TypiClust: a typical cell of each part of the embedding space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.clusters import clusters_of
from cellquery.acquisition.contract import in_turn


@dataclass(frozen=True)
class TypiClust:
    """Typical cells of clusters without labels (Hacohen et al. 2022, arXiv:2202.02794).

    Works before anything is labelled. Clusters are as many as labelled and wanted cells together,
    `max_clusters` at most; a typical cell is near its neighbours in the cluster.

    Parameters
    ----------
    n_neighbours : int
    max_clusters : int
    """

    n_neighbours: int = 20
    max_clusters: int = 500

    name: ClassVar[str] = "typiclust"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are typicalities, 1 / mean distance to neighbours."""
        candidates = candidates.in_order()
        n = min(n, len(candidates))
        if n <= 0:
            return in_turn(candidates, [], [])
        labelled = candidates.labelled_embeddings
        vectors = np.asarray(candidates.embeddings, dtype=np.float32)
        everything = (
            np.concatenate([vectors, labelled.astype(np.float32)]) if len(labelled) else vectors
        )
        n_clusters = min(len(labelled) + n, self.max_clusters)
        numbers = clusters_of(everything, n_clusters, random)
        covered = np.bincount(numbers[len(vectors) :], minlength=n_clusters)
        numbers = numbers[: len(vectors)]
        values = self._typicality(vectors, numbers)
        sizes = np.bincount(numbers, minlength=n_clusters)
        best_first = np.lexsort((np.arange(len(vectors)), -values))
        waiting = {
            int(number): best_first[numbers[best_first] == number].tolist()
            for number in np.unique(numbers)
        }
        rows: list[int] = []
        while len(rows) < n:
            # Fewest labels first, then the largest.
            number = min(waiting, key=lambda k: (covered[k], -sizes[k], k))
            rows.append(waiting[number].pop(0))
            covered[number] += 1
            if not waiting[number]:
                del waiting[number]
        return in_turn(candidates, rows, values[rows].tolist())

    def _typicality(
        self, vectors: NDArray[np.float32], numbers: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        values = np.zeros(len(vectors))
        for number in np.unique(numbers):
            rows = np.flatnonzero(numbers == number)
            values[rows] = typicality(vectors[rows], self.n_neighbours)
        return values


def typicality(vectors: NDArray[Any], n_neighbours: int) -> NDArray[np.float64]:
    """Return the inverse of each row's mean distance to its nearest neighbours, shape (rows,)."""
    n_neighbours = min(n_neighbours, len(vectors) - 1)
    if n_neighbours < 1:
        return np.ones(len(vectors))
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=n_neighbours).fit(vectors).kneighbors()
    values: NDArray[np.float64] = 1 / (distances.mean(axis=1) + 1e-9)
    return values
