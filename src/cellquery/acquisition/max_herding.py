"""MaxHerding: cells that represent as many others as well as they can."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import in_turn
from cellquery.acquisition.distances import (
    nearest_squared,
    pieces,
    squared_distances,
    squared_norms,
)


@dataclass(frozen=True)
class MaxHerding:
    """Greedy generalised coverage with a Gaussian kernel (Bae et al. 2024, arXiv:2407.12212).

    Coverage is measured on a random sample of the candidates. It is submodular, so that gains
    computed earlier are upper bounds and few of them have to be computed again in each step.

    Parameters
    ----------
    n_reference : int
        Size of the sample that coverage is measured on.
    bandwidth : float or None
        Standard deviation of the kernel on embeddings of unit length; None takes half the median
        distance within the sample.
    """

    n_reference: int = 2000
    bandwidth: float | None = None

    name: ClassVar[str] = "max-herding"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are the gains in mean coverage, from 0 to 1."""
        candidates = candidates.in_order()
        n = min(n, len(candidates))
        if n <= 0:
            return in_turn(candidates, [], [])
        vectors = _unit(candidates.embeddings)
        n_sample = min(self.n_reference, len(vectors))
        sample = vectors[np.sort(random.choice(len(vectors), n_sample, replace=False))]
        width = self.bandwidth or _half_median(sample)
        covered = np.zeros(n_sample, dtype=np.float32)
        if len(candidates.labelled_embeddings):
            nearest = nearest_squared(sample, _unit(candidates.labelled_embeddings))
            covered = _of_squared(nearest, width)
        gains = [
            np.maximum(_kernel(vectors[piece], sample, width) - covered, 0).mean(1)
            for piece in pieces(len(vectors), n_sample)
        ]
        heap = [(-float(gain), row) for row, gain in enumerate(np.concatenate(gains))]
        heapq.heapify(heap)
        rows: list[int] = []
        utilities: list[float] = []
        while len(rows) < n:
            _, row = heapq.heappop(heap)
            kernel = _kernel(vectors[row : row + 1], sample, width)[0]
            gain = float(np.maximum(kernel - covered, 0).mean())
            if heap and (-gain, row) > heap[0]:
                heapq.heappush(heap, (-gain, row))
                continue
            rows.append(row)
            utilities.append(gain)
            np.maximum(covered, kernel, out=covered)
        return in_turn(candidates, rows, utilities)


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.maximum(np.sqrt(squared_norms(vectors)), np.float32(1e-12))
    unit: NDArray[np.float32] = (vectors / lengths[:, None]).astype(np.float32, copy=False)
    return unit


def _kernel(
    vectors: NDArray[np.float32], sample: NDArray[np.float32], width: float
) -> NDArray[np.float32]:
    return _of_squared(squared_distances(vectors, sample), width)


def _of_squared(squared: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    kernel: NDArray[np.float32] = np.exp(squared * np.float32(-0.5 / width**2))
    return kernel


def _half_median(sample: NDArray[np.float32]) -> float:
    few = sample[:500]
    return max(float(np.sqrt(np.median(squared_distances(few, few)))) / 2, 1e-3)
