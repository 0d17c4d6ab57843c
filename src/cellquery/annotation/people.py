"""People as the oracle of a campaign: they answer through the history of annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from cellquery.annotation.readings import Readings
from cellquery.storage import FIRST, HANDED_OUT, Annotations, Leases


class People:
    """The oracle whose answers are the current labels in a database.

    A cell that everyone so far declined is answered with None, and so is one that two people
    disagree on: neither is learnt, until a third reader or a reviewer decides.

    Parameters
    ----------
    history : Annotations
    leases : Leases
    """

    goes_ahead: ClassVar[bool] = True

    def __init__(self, history: Annotations, leases: Leases) -> None:
        self.history, self.leases = history, leases
        self.readings = Readings()

    def refresh(self) -> bool:
        """Take in what was annotated since the last time; return whether there was anything."""
        return bool(self.readings.take(self.history.since(self.readings.last)))

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the label of those cells that someone has read."""
        self.refresh()
        readings = self.readings
        return {each: readings.label(each) for each in ids if readings.standing(each) != "unread"}

    def ahead(self) -> Mapping[str, bool]:
        """Return all cells read so far in the order of their first reading, then those at hand.

        With each, whether it was handed out.
        """
        # First: what is read between the two questions is then in at least one of the answers.
        at_hand = [cell_id for cell_id, place in self.leases.held() if place == FIRST]
        self.refresh()
        read = self.readings.read()
        ahead = {each: self.readings.told(each)[0][0].way in HANDED_OUT for each in read}
        return ahead | {each: True for each in at_hand if each not in ahead}
