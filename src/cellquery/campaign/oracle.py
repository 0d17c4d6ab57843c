"""Who names the patterns of chosen cells: known labels in a study, people in a laboratory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from cellquery.core.fingerprint import fingerprint


class Oracle(Protocol):
    """Answers for cells.

    Attributes
    ----------
    goes_ahead : bool
        Whether cells may be answered before a round asks for them. The campaign then says which
        it would ask for next: see `cellquery.campaign.standing`.
    """

    goes_ahead: ClassVar[bool]

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the pattern of those cells that are answered by now.

        None for a cell that cannot be labelled; a cell that is not there is still waited for. An
        answer may change later or be taken back: the rounds that follow learn the new one or none.
        """

    def ahead(self) -> Mapping[str, bool]:
        """Return the cells answered so far, asked for or not, in the order of answering.

        Who labels while a network is trained labels cells that no round has asked for yet: the
        next round takes them in. So it does those that are being read just now, which come last:
        they are part of the budget too. With each, whether it was handed out; an annotator may
        also have picked it.
        """


@dataclass(frozen=True)
class KnownLabels:
    """The simulated oracle: every label is known and given at once.

    Attributes
    ----------
    patterns : mapping of str to str
        The pattern of each cell by its id; a cell without one cannot be labelled.
    """

    patterns: Mapping[str, str]
    goes_ahead: ClassVar[bool] = False

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the pattern of every cell asked for."""
        return {cell_id: self.patterns.get(cell_id) for cell_id in ids}

    def digest(self, ids: NDArray[Any]) -> str:
        """Return a fingerprint of the patterns of cells."""
        return fingerprint(self.answers(ids.tolist()).values())

    def ahead(self) -> Mapping[str, bool]:
        """Return nothing: only what is asked for is answered."""
        return {}
