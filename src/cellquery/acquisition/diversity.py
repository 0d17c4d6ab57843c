"""Options that any strategy takes: spread over specimens, and a share drawn at random."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.at_random import Random
from cellquery.acquisition.candidates import Candidates, Query, joined
from cellquery.acquisition.contract import QueryStrategy

# A strategy is asked for so many times the cells wanted before specimens are counted.
_OVERSAMPLING = 8


@dataclass(frozen=True)
class _Around:
    """An option laid around a strategy, whose name and needs stay those of the strategy."""

    inner: QueryStrategy

    @property
    def name(self) -> str:
        """The name of the strategy within."""
        return self.inner.name

    @property
    def needs(self) -> frozenset[str]:
        """What the strategy within needs."""
        return self.inner.needs

    def reach(self, n: int) -> int | None:
        """Return what `ByUtility.reach` of the strategy within says of the cells asked of it."""
        within: Any = self.inner
        reach: int | None = within.reach(_OVERSAMPLING * n)
        return reach


@dataclass(frozen=True)
class PerSpecimenCap(_Around):
    """At most `cap` cells of a specimen in a batch, where other specimens have enough.

    Cells of unknown specimen are not limited. Where the cap leaves too few cells it is raised,
    one by one, until the batch is full.
    """

    cap: int

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates in the order of the strategy within."""
        if candidates.groups is None:
            return self.inner.query(candidates, n, random)
        everything = self.inner.query(candidates, _OVERSAMPLING * n, random)
        if len(everything) <= n:
            return everything
        groups = _groups_of(candidates, everything)
        kept: list[int] = []
        waiting = list(range(len(everything)))
        limit = self.cap
        while len(kept) < n:
            counts = Counter(groups[place] for place in kept)
            still = []
            for place in waiting:
                group = groups[place]
                if len(kept) < n and (group is None or counts[group] < limit):
                    kept.append(place)
                    counts[group] += 1
                else:
                    still.append(place)
            waiting, limit = still, limit + 1
        return everything.rows(np.array(kept, dtype=np.int64))


@dataclass(frozen=True)
class RoundRobin(_Around):
    """The best of each specimen in turn, the specimens with fewest labels first."""

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates."""
        if candidates.groups is None:
            return self.inner.query(candidates, n, random)
        everything = self.inner.query(candidates, _OVERSAMPLING * n, random)
        groups = _groups_of(candidates, everything)
        labelled = Counter(
            [] if candidates.labelled_groups is None else candidates.labelled_groups.tolist()
        )
        seen: dict[Any, int] = defaultdict(int)
        turns = []
        for place, group in enumerate(groups):
            turns.append((labelled[group] + seen[group], place))
            seen[group] += 1
        kept = [place for _, place in sorted(turns)][:n]
        return everything.rows(np.array(kept, dtype=np.int64))


@dataclass(frozen=True)
class RandomShare(_Around):
    """A share of each batch is drawn at random from what the strategy within did not choose."""

    share: float

    def reach(self, n: int) -> int | None:
        """Return None: any candidate may be drawn."""
        return None

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates, those drawn at random last, with a utility of 0."""
        n = min(n, len(candidates))
        n_random = round(self.share * n)
        first = self.inner.query(candidates, n - n_random, random)
        taken = set(first.ids.tolist())
        rest = [cell_id for cell_id in candidates.ids.tolist() if cell_id not in taken]
        drawn = Random().query(Candidates(np.array(rest, dtype=object)), n_random, random)
        drawn = Query(drawn.ids, np.zeros(len(drawn)))
        return joined([first.named(self.name), drawn.named(Random.name)])


def _groups_of(candidates: Candidates, query: Query) -> list[Any]:
    assert candidates.groups is not None
    groups: NDArray[Any] = candidates.groups
    of = dict(zip(candidates.ids.tolist(), groups.tolist(), strict=True))
    return [of[cell_id] for cell_id in query.ids.tolist()]
