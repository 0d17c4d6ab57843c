"""Random cells: the baseline that every other strategy has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ByUtility, ranked


@dataclass(frozen=True)
class Random(ByUtility):
    """Every candidate is as likely as any other; the utility is its lot."""

    name: ClassVar[str] = "random"
    needs: ClassVar[frozenset[str]] = frozenset()

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return zeros: nothing but the lot decides."""
        return np.zeros(len(candidates))

    def reach(self, n: int) -> None:
        """Return None: a lot may bring any candidate to the top."""

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates drawn without replacement."""
        candidates = candidates.in_order()
        return ranked(candidates, random.random(len(candidates)), n)
