"""Margin: how close the two most probable patterns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates
from cellquery.acquisition.contract import ByUtility


def margin_utility(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 - (highest - second highest) for each row, shape (cells,), from 0 to 1.

    Examples
    --------
    >>> margin_utility(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.partition(np.asarray(probabilities, dtype=np.float64), -2, axis=1)[:, -2:]
    return 1 - (top[:, 1] - top[:, 0])


@dataclass(frozen=True)
class Margin(ByUtility):
    """Cells that the network wavers on between two patterns (Vununu et al. 2021, Eq. 5)."""

    name: ClassVar[str] = "margin"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return 1 - margin of each candidate."""
        return margin_utility(candidates.probabilities)
