"""People as the oracle of a campaign: they answer through the history of annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellquery.annotation.readings import Readings
from cellquery.storage import Annotations


class People:
    """The oracle whose answers are the current labels in a database.

    A cell that everyone so far declined is answered with None, and so is one that two people
    disagree on: neither is learnt, until a reviewer decides.

    Parameters
    ----------
    history : Annotations
    """

    def __init__(self, history: Annotations) -> None:
        self.history = history
        self.readings = Readings()

    def refresh(self) -> bool:
        """Take in what was annotated since the last time; return whether there was anything."""
        return bool(self.readings.take(self.history.since(self.readings.last)))

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the label of those cells that someone has read."""
        self.refresh()
        readings = self.readings
        return {each: readings.label(each) for each in ids if readings.standing(each) != "unread"}

    def ahead(self) -> Sequence[str]:
        """Return all cells read so far, in the order of their first reading."""
        self.refresh()
        return self.readings.read()
