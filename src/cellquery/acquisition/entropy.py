"""Entropy of the predicted patterns (Eq. 3 of the paper, with the minus that it lacks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ranked


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
class Entropy:
    """The most uncertain cells by -sum p log p (Vununu et al. 2021, Eq. 3)."""

    name: ClassVar[str] = "entropy"
    needs: ClassVar[frozenset[str]] = frozenset({"probabilities"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return the n candidates of highest entropy; utilities are entropies in nats."""
        return ranked(candidates, entropy(candidates.probabilities), n)
