"""Least confidence: how far the most probable pattern is from certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates
from cellquery.acquisition.contract import ByUtility


@dataclass(frozen=True)
class LeastConfidence(ByUtility):
    """Cells whose best guess is worst, 1 - max p (Vununu et al. 2021, Eq. 4)."""

    name: ClassVar[str] = "least-confidence"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return 1 - max p of each candidate."""
        return np.asarray(1 - candidates.probabilities.max(axis=1, initial=0), dtype=np.float64)
