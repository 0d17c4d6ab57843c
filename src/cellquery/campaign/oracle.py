"""Who names the patterns of chosen cells: known labels in a study, people in a laboratory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Oracle(Protocol):
    """Answers for cells."""

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the pattern of those cells that are answered by now.

        None for a cell that cannot be labelled; a cell that is not there is still waited for.
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

    def answers(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the pattern of every cell asked for."""
        return {cell_id: self.patterns.get(cell_id) for cell_id in ids}
