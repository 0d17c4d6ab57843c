"""Options that any strategy takes: spread over specimens, and a share drawn at random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.at_random import Random
from cellquery.acquisition.candidates import Candidates, Query, joined
from cellquery.acquisition.contract import QueryStrategy
from cellquery.acquisition.merging import merged, shortened


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


@dataclass(frozen=True)
class _Spread(_Around, ABC):
    """An option that gives each specimen so many places in a batch."""

    @abstractmethod
    def places(
        self, candidates: Candidates, n: int, random: np.random.Generator
    ) -> dict[str | None, int]:
        """Return how many of n cells each specimen may give, None standing for the unknown ones."""

    def contenders(self, said: Candidates, n: int) -> Candidates:
        """Return the contenders of each specimen: any of them may have to fill the batch."""
        if said.groups is None:
            return shortened(self.inner, said, n)
        rows = defaultdict(list)
        for row, specimen in enumerate(said.groups.tolist()):
            rows[specimen].append(row)
        parts = [shortened(self.inner, said.rows(np.array(each)), n) for each in rows.values()]
        return merged(parts) if parts else said

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates in the order in which the strategy within names them.

        It is asked for n. Cells of specimens without a place left are passed over, and it is asked
        again for cells of the other specimens, with those chosen so far as labelled ones.
        """
        if candidates.groups is None or not 0 < n < len(candidates):
            return self.inner.query(candidates, n, random)
        places = self.places(candidates, n, random)
        specimens = candidates.groups.tolist()
        row_of = {cell_id: row for row, cell_id in enumerate(candidates.ids.tolist())}
        left = dict(enumerate(specimens))
        rows: list[int] = []
        found: list[Query] = []
        while len(rows) < n:
            free = [row for row, specimen in left.items() if places[specimen] > 0]
            if not free:
                # Fewer cells are missing than there are specimens to give one more.
                places = {each: places[each] + (each is not None) for each in places}
                continue
            rest = _beside(candidates, np.array(free), rows)
            # Twice what is missing, then four times: few times are enough, wherever the cells lie.
            answer = self.inner.query(rest, (n - len(rows)) << len(found), random)
            kept = []
            for place, cell_id in enumerate(answer.ids.tolist()):
                row = row_of[cell_id]
                if len(rows) < n and places[specimens[row]] > 0:
                    places[specimens[row]] -= 1
                    kept.append(place)
                    rows.append(row)
                    del left[row]
            found.append(answer.rows(np.array(kept)).named(self.name))
        return joined(found)


@dataclass(frozen=True)
class PerSpecimenCap(_Spread):
    """At most `cap` cells of a specimen in a batch, where other specimens have enough.

    Cells of unknown specimen are not limited. Where the cap leaves too few cells it is raised, as
    little as fills the batch.
    """

    cap: int

    def places(
        self, candidates: Candidates, n: int, random: np.random.Generator
    ) -> dict[str | None, int]:
        """Return the cap, or what it is raised to, for each specimen."""
        assert candidates.groups is not None
        sizes = Counter(candidates.groups.tolist())
        n_unknown = sizes.pop(None, 0)
        limit = max(self.cap, _level(sizes, Counter(), n - n_unknown))
        return {**dict.fromkeys(sizes, limit), None: n}


@dataclass(frozen=True)
class RoundRobin(_Spread):
    """The best of each specimen in turn, the specimens with fewest labels first.

    Cells of unknown specimen are not limited: as many are chosen as without this option.
    """

    def places(
        self, candidates: Candidates, n: int, random: np.random.Generator
    ) -> dict[str | None, int]:
        """Return what makes the labels of all specimens as equal as n cells can."""
        assert candidates.groups is not None
        sizes = Counter(candidates.groups.tolist())
        n_unknown = 0
        if sizes.pop(None, 0):
            own = self.inner.query(candidates, n, random)
            n_unknown = _specimens_of(candidates, own).count(None)
        labelled = _labelled(candidates)
        limit = _level(sizes, labelled, n - n_unknown)
        return {**{each: limit - labelled[each] for each in sizes}, None: n_unknown}

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates, turn by turn."""
        found = super().query(candidates, n, random)
        if candidates.groups is None:
            return found
        count = _labelled(candidates)
        turns = []
        for specimen in _specimens_of(candidates, found):
            turns.append(count[specimen])
            count[specimen] += 1
        return found.rows(np.argsort(turns, kind="stable"))


@dataclass(frozen=True)
class RandomShare(_Around):
    """A share of each batch is drawn at random from what the strategy within did not choose.

    It is drawn from all specimens alike: a cap or round-robin holds for the other cells alone.
    """

    share: float

    def contenders(self, said: Candidates, n: int) -> Candidates:
        """Return all: any candidate may be drawn."""
        return said

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


def _level(sizes: Mapping[Any, int], labelled: Mapping[Any, int], n: int) -> int:
    """Return the most labels that n cells bring every specimen to that has so many cells."""
    size = np.array(list(sizes.values()), dtype=np.int64)
    before = np.array([labelled[each] for each in sizes], dtype=np.int64)

    def n_needed(limit: int) -> int:
        return int(np.clip(limit - before, 0, size).sum())

    highest = int((before + size).max(initial=0))
    return bisect_right(range(highest + 1), n, key=n_needed) - 1


def _beside(candidates: Candidates, rows: NDArray[Any], chosen: list[int]) -> Candidates:
    """Return the candidates at these rows, as they are once the chosen ones are labelled."""
    rest = candidates.rows(rows)
    if not chosen or not candidates.embeddings.size:
        return rest
    labelled = candidates.embeddings[chosen]
    if len(candidates.labelled_embeddings):
        labelled = np.concatenate([candidates.labelled_embeddings, labelled])
    return replace(rest, labelled_embeddings=labelled)


def _labelled(candidates: Candidates) -> Counter[Any]:
    known = candidates.labelled_groups
    return Counter([] if known is None else known.tolist())


def _specimens_of(candidates: Candidates, query: Query) -> list[Any]:
    assert candidates.groups is not None
    groups: NDArray[Any] = candidates.groups
    of = dict(zip(candidates.ids.tolist(), groups.tolist(), strict=True))
    return [of[cell_id] for cell_id in query.ids.tolist()]
