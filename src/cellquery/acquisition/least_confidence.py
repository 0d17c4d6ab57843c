"""Least confidence: how far the most probable pattern is from certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ranked


@dataclass(frozen=True)
class LeastConfidence:
    """Cells whose best guess is worst, 1 - max p (Vununu et al. 2021, Eq. 4)."""

    name: ClassVar[str] = "least-confidence"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return the n candidates of lowest confidence; utilities are 1 - max p."""
        return ranked(candidates, 1 - candidates.probabilities.max(axis=1, initial=0), n)
