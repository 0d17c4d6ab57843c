"""What every query strategy promises, and the ranking that most of them end with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query


class QueryStrategy(Protocol):
    """Chooses the cells to be labelled next.

    Attributes
    ----------
    name : str
    needs : frozenset of str
        Which of ``probabilities``, ``embeddings`` and ``committee`` it looks at.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return `n` different candidates, or all of them where there are fewer.

        The same candidates in another order, with the same state of `random`, give the same
        query.
        """


class ByUtility(ABC):
    """A strategy that gives each candidate a utility, whatever the others are.

    The best of a pool are then among the best of its parts, which `cellquery.acquisition.merging`
    makes use of.
    """

    @abstractmethod
    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the utility of each candidate, shape (candidates,); higher is more wanted."""

    def reach(self, n: int) -> int | None:
        """Return how many of the best of any part of a pool may be among its n; None: all."""
        return n

    def contenders(self, said: Candidates, n: int) -> Candidates:
        """Return those of a part of a pool, by their known utilities, that may be among its n."""
        reach = self.reach(n)
        if reach is None or len(said) <= reach:
            return said
        assert said.utilities is not None
        return said.rows(highest(said, said.utilities, reach))

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return the n candidates of highest utility."""
        return ranked(candidates, self.known(candidates), n)

    def known(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the utilities that the candidates come with, or make them."""
        if candidates.utilities is not None:
            return candidates.utilities
        return self.utilities(candidates)


def ranked(candidates: Candidates, utilities: NDArray[Any], n: int) -> Query:
    """Return the n candidates of highest utility, highest first; ids decide between equals."""
    values = np.asarray(utilities, dtype=np.float64)
    rows = highest(candidates, values, n)
    return Query(candidates.ids[rows], values[rows])


def highest(candidates: Candidates, values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the rows of the n highest values, highest first; ids decide between equals."""
    n = min(max(n, 0), len(values))
    # Of a large pool only what may be among them is sorted.
    least = np.partition(values, -n)[-n] if n else np.inf
    rows = np.flatnonzero(values >= least)
    order = np.lexsort((candidates.ids[rows].astype(str), -values[rows]))[:n]
    found: NDArray[np.int64] = rows[order]
    return found


def in_turn(candidates: Candidates, rows: list[int], utilities: list[float]) -> Query:
    """Return the candidates at these rows, in this order."""
    chosen = np.array(rows, dtype=np.int64)
    return Query(candidates.ids[chosen], np.array(utilities, dtype=np.float64))
