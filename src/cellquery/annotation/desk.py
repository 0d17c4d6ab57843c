"""Whose turn is which cell; what is accepted, changed and taken back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellquery.annotation.plan import Plan, campaign_folder, kept_plan, open_database
from cellquery.annotation.ranking import Ranking, Suggestion
from cellquery.annotation.readings import Readings
from cellquery.core import InputError, ProjectError
from cellquery.data import Project
from cellquery.data.store import Counts, ImageStore
from cellquery.storage import (
    FIRST,
    SECOND,
    SETTLING,
    THIRD,
    Account,
    Accounts,
    Annotation,
    Annotations,
    Database,
    Leases,
    NewAnnotation,
)

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class CellFacts:
    """What the page needs to know of a cell to show it.

    Attributes
    ----------
    cell_id : str
    specimen, intensity : str or None
    width, height, channels, bit_depth : int
    mask : bool
        Whether the outline of the nucleus is known.
    """

    cell_id: str
    specimen: str | None
    intensity: str | None
    width: int
    height: int
    channels: int
    bit_depth: int
    mask: bool


@dataclass(frozen=True)
class Turn:
    """A cell that someone is to read now.

    Attributes
    ----------
    cell : CellFacts
    place : int
        FIRST, SECOND for an independent reading beside others, SETTLING for a reviewer's decision.
        A third reader sees no difference to a second one.
    suggestion : Suggestion or None
    group : int or None
        Cells of one group look alike; None before anything has looked at them.
    model : str
        Whose suggestion it is.
    mine : Annotation or None
        One's own reading so far.
    """

    cell: CellFacts
    place: int
    suggestion: Suggestion | None
    group: int | None
    model: str
    mine: Annotation | None


class Desk:
    """The one place that hands out cells and takes annotations in.

    What it knows of annotations it derives from the database and brings up to date before each
    answer, so that several processes may work on one database.

    Parameters
    ----------
    project : Project
    plan : Plan
    database : Database
    lease_s : float
        How long a cell stays with whoever was given it, in seconds.
    """

    def __init__(
        self, project: Project, plan: Plan, database: Database, *, lease_s: float = 900.0
    ) -> None:
        self.project, self.plan, self.database = project, plan, database
        # Kept: it finds all cells of the project when it is first asked.
        self.store = project.store()
        self.history = Annotations(database)
        self.leases = Leases(database, lease_s)
        self.accounts = Accounts(database)
        self.readings = Readings()
        self.cells = _facts(project)
        ids = plan.cells(project).ids.tolist()
        self.pool = set(ids)
        self.ranking = Ranking(campaign_folder(project), ids, plan.seed)
        self.budget, self.first, _ = plan.settings().sizes(len(ids))
        self._unread: dict[str, None] = {}
        self._rank: dict[str, int] = {}
        self._second: dict[str, None] = {}
        self._disputed: dict[str, None] = {}
        self._taken_back: dict[str, None] = {}
        self._lock = threading.RLock()
        self.refresh()

    @classmethod
    def open(cls, project: Project, database_url: str | None = None) -> Self:
        """Return the desk of a project that has been served before, or raise ProjectError."""
        return cls(project, kept_plan(project), open_database(project, database_url))

    @property
    def n_second(self) -> int:
        """How many cells wait for a second reader."""
        return len(self._second)

    def refresh(self) -> None:
        """Take in what others annotated and what the campaign did since."""
        with self._lock:
            ranked = self.ranking.refresh()
            changed = self.readings.take(self.history.since(self.readings.last))
            for cell_id in changed:
                self._sort(cell_id)
            if ranked:
                order = dict.fromkeys([*self.ranking.asked, *self.ranking.standing])
                self._rank = {cell_id: rank for rank, cell_id in enumerate(order)}
                self._unread = {
                    each: None for each in order if self.readings.standing(each) == "unread"
                }

    def _sort(self, cell_id: str) -> None:
        """Put a cell whose readings changed where it belongs."""
        current = self.readings.of_cell(cell_id)
        standing = self.readings.standing(cell_id)
        for each in (self._unread, self._second, self._disputed, self._taken_back):
            each.pop(cell_id, None)
        if standing == "unread" and cell_id in self.pool:
            # First in the line again.
            self._taken_back[cell_id] = None
            self._unread = {cell_id: None, **self._unread}
            self._rank[cell_id] = min(self._rank.values(), default=0) - 1
        elif standing == "disputed":
            self._disputed[cell_id] = None
        elif len(current) == 1 and not self.readings.decision(cell_id) and self.wants_two(cell_id):
            self._second[cell_id] = None

    def wants_two(self, cell_id: str) -> bool:
        """Return whether two people are to read a cell; the same for a cell at all times."""
        if not self.plan.overlap or cell_id not in self.pool:
            return False
        digest = hashlib.blake2b(f"{self.plan.seed}:{cell_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64 < self.plan.overlap

    def next(self, account: Account, n: int) -> list[Turn]:
        """Hand out up to n cells: those held already, disputes, second readings, then new ones.

        Nobody else is given them while they are held. New cells are those that the campaign asks
        for and, when they are all given out, those that it would ask for next, within the budget;
        when it has ended, only those whose reading was taken back.
        Where three annotators or more are at work, a third reads what two disagree on, without
        being told; what that does not decide, and all disputes of fewer, reviewers decide.
        """
        self.refresh()
        with self._lock:
            wanted, known = self._wanted(account, n), self.readings.last
        places = dict(wanted)
        granted = self.leases.take(account.name, wanted, n, known=known)
        places = {cell: SECOND if place == THIRD else place for cell, place in places.items()}
        return [self.turn(cell_id, account, places[cell_id]) for cell_id in granted]

    def _wanted(self, account: Account, n: int) -> list[tuple[str, int]]:
        """Return what to hand out, best first, and as many more as others might snatch away."""
        name, readings = account.name, self.readings
        held = self.leases.held()
        mine = [(cell, place) for (cell, place), who in held.items() if who == name]
        mine.sort(key=lambda each: (-each[1], self._rank.get(each[0], 0)))
        wanted = [each for each in mine if readings.by(name, each[0]) is None]
        limit, seen = len(wanted) + 4 * n, {cell_id for cell_id, _ in wanted}

        def add(cells: Iterable[str], place: int, most: int) -> None:
            left = most
            for cell_id in cells:
                if len(wanted) >= limit or left <= 0:
                    return
                if cell_id in seen or held.get((cell_id, place), name) != name:
                    continue
                if readings.by(name, cell_id) is None:
                    wanted.append((cell_id, place))
                    left -= 1

        for_a_third = self._for_a_third(account)
        if account.role == "annotator":
            add(for_a_third, THIRD, limit)
        else:
            add([each for each in self._disputed if each not in for_a_third], SETTLING, limit)
        add(self._second, SECOND, limit)
        # What others hold is as good as read: the budget is not spent twice.
        out = sum(place == FIRST and cell in self._unread for cell, place in held)
        # Until the campaign asks for anything, a first batch may be read.
        budget = self.budget if self.ranking.asked or self.ranking.model else self.first
        asked = set(self.ranking.asked)
        left = sum(each in self._unread and (each, FIRST) not in held for each in asked)
        # Beyond what is asked for, only as many as the budget still has room for.
        n_read = len(self.pool) - len(self._unread)
        new = self._taken_back if self.ranking.done else self._unread
        add(new, FIRST, max(left, budget - n_read - out))
        return wanted

    def _for_a_third(self, account: Account) -> dict[str, None]:
        """Return the disputes of two readers, where there are three annotators to read them."""
        pairs = [each for each in self._disputed if len(self.readings.of_cell(each)) == 2]
        if not pairs:
            return {}
        at_work = [
            each
            for each in self.accounts.all()
            if each.role == "annotator" and each.active
            if each.name == account.name or self.readings.last_of(each.name, 1)
        ]
        return dict.fromkeys(pairs) if len(at_work) >= 3 else {}

    def turn(self, cell_id: str, account: Account, place: int = 0) -> Turn:
        """Return a cell as someone is to see it."""
        return Turn(
            self.facts(cell_id),
            place,
            self.ranking.suggestions.get(cell_id),
            self.ranking.groups.get(cell_id),
            self.ranking.model,
            self.readings.by(account.name, cell_id),
        )

    def facts(self, cell_id: str) -> CellFacts:
        """Return what is known of a cell, or raise InputError."""
        try:
            return self.cells[cell_id]
        except KeyError:
            raise InputError("cell", "there is no such cell", "reload the page") from None

    def pixels(self, cell_id: str) -> Counts:
        """Return the raw counts of a cell; see `ImageStore.pixels`."""
        return self._stored(lambda store: store.pixels(cell_id))

    def mask(self, cell_id: str) -> NDArray[np.bool_] | None:
        """Return the nucleus of a cell, or None where it is not known; see `ImageStore.mask`."""
        return self._stored(lambda store: store.mask(cell_id))

    def _stored(self, read: Callable[[ImageStore], _Read]) -> _Read:
        try:
            return read(self.store)
        except ProjectError:
            # An import may have written the shard anew, with what is known of its cells.
            self.store = self.project.store()
            return read(self.store)

    def accept(self, account: Account, given: Sequence[NewAnnotation]) -> list[int]:
        """Store annotations and return their numbers once they are on the disk.

        One that arrives again, by its key, is stored once. Where it does not say whose suggestion
        came with the cell, it is the newest network's. A skip settles nothing: a dispute is then
        another reviewer's turn.

        Raises
        ------
        InputError
            When a cell or pattern is not the project's, or an annotator wants to settle; nothing
            is then stored.
        """
        stored = []
        for each in given:
            self.facts(each.cell_id)
            named = each.kind == "label" or each.pattern is not None
            if named and each.pattern not in self.plan.patterns:
                raise InputError(
                    "pattern", "is not in the class list", f"use {', '.join(self.plan.patterns)}"
                )
            if each.settles and account.role == "annotator":
                raise InputError("settling", "is for reviewers", "ask one")
            said, model = each.suggestion, each.model
            if not model and each.cell_id in self.ranking.suggestions:
                said = self.ranking.suggestions[each.cell_id].pattern
                model = self.ranking.model
            if said is not None and said not in self.plan.patterns:
                raise InputError("suggestion", "is not in the class list", "reload the page")
            stored.append(
                replace(
                    each,
                    key=_key(account, each.key),
                    annotator=account.name,
                    pattern=each.pattern if each.kind != "withdrawn" else None,
                    model=model,
                    suggestion=said,
                    shown=each.shown and said is not None,
                    settles=each.settles and each.kind != "skip",
                )
            )
        numbers = self.history.add(stored)
        self.refresh()
        return numbers

    def undo(self, account: Account, key: str) -> Turn | None:
        """Take back the last annotation of an account that still stands; return its cell.

        The reading that was taken back comes as `mine`, so that the page can show it.
        """
        # One at a time: two at once would both take back the same one.
        with self._lock:
            self.refresh()
            before = self.history.with_key(_key(account, key))
            if before is not None:
                # Asked again because the answer was lost on its way.
                return self.turn(before.cell_id, account)
            taken = self.readings.undoable(account.name)
            if taken is None:
                return None
            withdrawn = NewAnnotation(key, taken.cell_id, account.name, "withdrawn", way=taken.way)
            self.accept(account, [withdrawn])
            n_others = len(self.readings.of_cell(taken.cell_id))
            place = (FIRST, SECOND, THIRD)[min(n_others, 2)]
            disputed = self.readings.standing(taken.cell_id) == "disputed"
            if taken.settles or (disputed and account.role != "annotator"):
                place = SETTLING
            self.leases.take(account.name, [(taken.cell_id, place)], 1)
            shown = SECOND if place == THIRD else place
            return replace(self.turn(taken.cell_id, account, shown), mine=taken)


def _key(account: Account, key: str) -> str:
    # A key is its sender's own: nobody can use up another's.
    return hashlib.sha256(f"{account.name}\0{key}".encode()).hexdigest()


def _facts(project: Project) -> dict[str, CellFacts]:
    manifest = project.manifest()
    columns: list[list[Any]] = [
        manifest[name].to_pylist() for name in CellFacts.__dataclass_fields__
    ]
    return {row[0]: CellFacts(*row) for row in zip(*columns, strict=True)}
