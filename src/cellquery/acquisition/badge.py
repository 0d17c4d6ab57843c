"""BADGE: cells whose gradients would be both large and different from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import in_turn
from cellquery.acquisition.distances import squared_norms


@dataclass(frozen=True)
class Badge:
    """k-means++ over gradients of the last layer (Ash et al. 2020, arXiv:1906.03671).

    The gradient of a cell is the outer product of (probabilities - predicted pattern) and its
    embedding. Inner products of outer products factor, so the gradients, six times as long as the
    embeddings, are never built.
    """

    name: ClassVar[str] = "badge"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities", "embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are distances to the nearest one chosen before."""
        candidates = candidates.in_order()
        n_cells = len(candidates)
        vectors = np.ascontiguousarray(candidates.embeddings, dtype=np.float32)
        errors = np.array(candidates.probabilities, dtype=np.float32)
        errors[np.arange(n_cells), errors.argmax(axis=1) if n_cells else 0] -= 1
        lengths = squared_norms(errors) * squared_norms(vectors)
        nearest = lengths.astype(np.float64)
        rows: list[int] = []
        utilities: list[float] = []
        left = np.ones(n_cells, dtype=bool)
        for _ in range(min(n, n_cells)):
            if not rows:
                row = int(lengths.argmax())
            else:
                odds = np.cumsum(np.where(left, nearest, 0))
                if odds[-1] > 0:
                    row = int(np.searchsorted(odds, random.random() * odds[-1], side="right"))
                else:
                    # All that is left equals a cell already chosen.
                    row = int(random.choice(np.flatnonzero(left)))
            utilities.append(float(np.sqrt(nearest[row])))
            rows.append(row)
            left[row] = False
            products = (errors @ errors[row]) * (vectors @ vectors[row])
            squared = np.maximum(lengths + lengths[row] - 2 * products, 0)
            # Rounding leaves a tiny distance between twins, which must not be drawn for it.
            squared[squared < 1e-6 * (lengths + lengths[row])] = 0
            np.minimum(nearest, squared, out=nearest)
        return in_turn(candidates, rows, utilities)
