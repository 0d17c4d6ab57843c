"""What the history of annotations comes to: who reads a cell how, and which label it has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from cellquery.storage import Annotation

Standing = Literal["unread", "declined", "labelled", "disputed", "settled"]


@dataclass
class Readings:
    """Every cell's current readings, derived from annotations in the order of their numbers.

    An annotator's reading of a cell is their last annotation of it; taking it back brings the one
    before to light again. Whoever has settled a cell goes on settling it by what they say of it
    later, in whichever way. A skip never settles.

    One thread at a time takes annotations in; others may ask meanwhile.

    Attributes
    ----------
    last : int
        The number of the last annotation taken in.
    """

    last: int = 0
    # What is kept of a cell is replaced, never changed: other threads see it as it was or as it is.
    _stacks: dict[str, dict[str, tuple[Annotation, ...]]] = field(default_factory=dict)
    _given: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _order: dict[str, None] = field(default_factory=dict)

    def take(self, annotations: Iterable[Annotation]) -> set[str]:
        """Take annotations in and return the cells whose readings changed."""
        changed = set()
        for each in annotations:
            self.last = max(self.last, each.number)
            changed.add(each.cell_id)
            stacks = dict(self._stacks.get(each.cell_id, {}))
            stack = stacks.pop(each.annotator, ())
            given = self._given[each.annotator]
            if each.kind != "withdrawn":
                settles = each.settles or any(before.settles for before in stack)
                settles = settles and each.kind != "skip"
                stack += (each if settles == each.settles else replace(each, settles=settles),)
                given.append(each.cell_id)
            elif stack:
                stack = stack[:-1]
                del given[_last_place(given, each.cell_id)]
            if stack:
                stacks[each.annotator] = stack
            if stacks:
                self._stacks[each.cell_id] = stacks
                self._order.setdefault(each.cell_id)
            else:
                self._stacks.pop(each.cell_id, None)
                self._order.pop(each.cell_id, None)
        return changed

    def of_cell(self, cell_id: str) -> list[Annotation]:
        """Return the current reading of everyone who read a cell, oldest first."""
        current = [stack[-1] for stack in self._stacks.get(cell_id, {}).values()]
        return sorted(current, key=lambda each: each.number)

    def told(self, cell_id: str) -> list[list[Annotation]]:
        """Return all that each reader said of a cell and has not taken back, first reader first."""
        stacks = self._stacks.get(cell_id, {}).values()
        return [list(stack) for stack in sorted(stacks, key=lambda each: each[0].number)]

    def told_by(self) -> dict[str, list[list[Annotation]]]:
        """Return, by reader, what `told` says of each cell that they read."""
        of_reader: dict[str, list[list[Annotation]]] = defaultdict(list)
        for cell_id in self.read():
            for said in self.told(cell_id):
                of_reader[said[0].annotator].append(said)
        return of_reader

    def by(self, annotator: str, cell_id: str) -> Annotation | None:
        """Return someone's current reading of a cell."""
        stack = self._stacks.get(cell_id, {}).get(annotator)
        return stack[-1] if stack else None

    def read(self) -> list[str]:
        """Return the cells that anyone has read, in the order in which they were first read."""
        return list(self._order)

    def last_of(self, annotator: str, n: int) -> list[Annotation]:
        """Return someone's last n readings, newest first, each cell once."""
        found: dict[str, Annotation] = {}
        for cell_id in reversed(self._given.get(annotator, [])):
            reading = self.by(annotator, cell_id)
            if reading is not None:
                found.setdefault(cell_id, reading)
            if len(found) == n:
                break
        return list(found.values())

    def undoable(self, annotator: str) -> Annotation | None:
        """Return what someone would take back now, or None."""
        given = self._given.get(annotator)
        return self.by(annotator, given[-1]) if given else None

    def standing(self, cell_id: str) -> Standing:
        """Return how a cell stands.

        ``declined``: read, but by nobody who named a pattern, or a reviewer has decided that it
        cannot be named. ``disputed``: named differently, no pattern by the majority, and no
        reviewer's decision. ``settled``: a reviewer has decided on a pattern.
        """
        current = self.of_cell(cell_id)
        if not current:
            return "unread"
        if self.decision(cell_id):
            return "settled" if self.label(cell_id) else "declined"
        if all(each.kind != "label" for each in current):
            return "declined"
        return "labelled" if self.label(cell_id) else "disputed"

    def decision(self, cell_id: str) -> Annotation | None:
        """Return the last reading of a cell that settles it; None where no reviewer has decided."""
        stacks = self._stacks.get(cell_id, {}).values()
        settling = (each for stack in stacks for each in stack if each.settles)
        return max(settling, key=lambda each: each.number, default=None)

    def label(self, cell_id: str) -> str | None:
        """Return the pattern that a cell has by its readings; None while there is none.

        A reviewer's last decision outweighs all readings; without one, more than half of those
        who named a pattern must have named the same: both of two, two of three.
        """
        decision = self.decision(cell_id)
        if decision:
            return decision.pattern if decision.kind == "label" else None
        current = self.of_cell(cell_id)
        named = Counter(each.pattern for each in current if each.kind == "label")
        return next((name for name, n in named.items() if 2 * n > named.total()), None)

    def labels(self) -> dict[str, str]:
        """Return the pattern of every cell that has one."""
        found = ((cell_id, self.label(cell_id)) for cell_id in self.read())
        return {cell_id: pattern for cell_id, pattern in found if pattern is not None}


def _last_place(values: list[str], value: str) -> int:
    return len(values) - 1 - values[::-1].index(value)
