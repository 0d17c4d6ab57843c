"""Entropy of the predicted patterns (Eq. 3 of the paper, with the minus that it lacks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from cellquery.acquisition.candidates import Candidates
from cellquery.acquisition.contract import ByUtility


def entropy(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return the entropy along the last axis, in nats.

    Examples
    --------
    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.693, 0.0]
    """
    values: NDArray[np.float64] = entr(np.asarray(probabilities, dtype=np.float64)).sum(axis=-1)
    return values


@dataclass(frozen=True)
class Entropy(ByUtility):
    """The most uncertain cells by -sum p log p (Vununu et al. 2021, Eq. 3)."""

    name: ClassVar[str] = "entropy"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return entropies in nats."""
        return entropy(candidates.probabilities)
