"""Random cells: the baseline that every other strategy has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ranked


@dataclass(frozen=True)
class Random:
    """Every candidate is as likely as any other; the utility is its lot."""

    name: ClassVar[str] = "random"
    needs: ClassVar[frozenset[str]] = frozenset()

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates drawn without replacement."""
        candidates = candidates.in_order()
        return ranked(candidates, random.random(len(candidates)), n)
