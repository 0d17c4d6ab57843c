"""Core-set: cells that leave no candidate far from a labelled one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import in_turn
from cellquery.acquisition.distances import nearest_squared, squared_norms


@dataclass(frozen=True)
class CoreSet:
    """Greedy k-centre over the embeddings (Sener & Savarese 2018, arXiv:1708.00489).

    Without a labelled cell it starts with the candidate nearest to the mean.
    """

    name: ClassVar[str] = "core-set"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates, each farthest from all before; utilities are those distances."""
        candidates = candidates.in_order()
        vectors = np.ascontiguousarray(candidates.embeddings, dtype=np.float32)
        lengths = squared_norms(vectors)
        nearest = nearest_squared(vectors, candidates.labelled_embeddings.astype(np.float32))
        rows: list[int] = []
        utilities: list[float] = []
        for _ in range(min(n, len(candidates))):
            if not rows and not len(candidates.labelled_embeddings):
                far = int(nearest_squared(vectors, vectors.mean(axis=0, keepdims=True)).argmin())
                utilities.append(float(np.sqrt(lengths.max())))
            else:
                far = int(nearest.argmax())
                utilities.append(float(np.sqrt(max(nearest[far], 0.0))))
            rows.append(far)
            # The brackets keep the factor off the whole array, which is copied otherwise.
            squared = lengths + lengths[far] - 2 * (vectors @ vectors[far])
            np.minimum(nearest, np.maximum(squared, 0), out=nearest)
            # Below every distance: a chosen cell is not chosen again, not even among twins.
            nearest[rows] = -1
        return in_turn(candidates, rows, utilities)
