"""Query by committee: cells that the members name differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ranked
from cellquery.acquisition.entropy import entropy


def disagreement(committee: NDArray[Any], method: str) -> NDArray[np.float64]:
    """Return how much members disagree on each cell, shape (cells,), in nats.

    Parameters
    ----------
    committee : ndarray, shape (members, cells, patterns)
    method : {"kl", "vote-entropy"}
        Mean divergence from the mean opinion, or entropy of the members' votes.
    """
    members = np.asarray(committee, dtype=np.float64)
    if method == "kl":
        mean = members.mean(axis=0, keepdims=True)
        divergence: NDArray[np.float64] = rel_entr(members, mean).sum(axis=2).mean(axis=0)
        return divergence
    votes = np.eye(members.shape[2])[members.argmax(axis=2)]
    return entropy(votes.mean(axis=0))


@dataclass(frozen=True)
class Committee:
    """The cells of highest disagreement (McCallum & Nigam 1998; Dagan & Engelson 1995).

    Parameters
    ----------
    method : {"kl", "vote-entropy"}
    """

    method: Literal["kl", "vote-entropy"] = "kl"

    name: ClassVar[str] = "committee"
    needs: ClassVar[frozenset[str]] = frozenset({"committee"})

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return the n candidates of highest disagreement; utilities are nats."""
        assert candidates.committee is not None
        return ranked(candidates, disagreement(candidates.committee, self.method), n)
