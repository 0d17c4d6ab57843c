"""Query by committee: cells that the members name differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from cellquery.acquisition.candidates import Candidates
from cellquery.acquisition.contract import ByUtility
from cellquery.acquisition.entropy import entropy


def disagreement(committee: NDArray[Any], method: str) -> NDArray[np.float64]:
    """Return how much members disagree on each cell, shape (cells,), in nats.

    Parameters
    ----------
    committee : ndarray, shape (members, cells, patterns)
    method : {"kl", "vote-entropy"}
        Mean divergence from the mean opinion, or entropy of the members' votes.
    """
    mean = committee.mean(axis=0, dtype=np.float64)
    total = np.zeros(mean.shape if method == "vote-entropy" else len(mean))
    for member in committee:
        if method == "kl":
            total += rel_entr(np.asarray(member, dtype=np.float64), mean).sum(axis=1)
        else:
            total[np.arange(len(mean)), member.argmax(axis=1)] += 1
    total /= len(committee)
    return total if method == "kl" else entropy(total)


@dataclass(frozen=True)
class Committee(ByUtility):
    """The cells of highest disagreement (McCallum & Nigam 1998; Dagan & Engelson 1995).

    Parameters
    ----------
    method : {"kl", "vote-entropy"}
    """

    method: Literal["kl", "vote-entropy"] = "kl"

    name: ClassVar[str] = "committee"
    needs: ClassVar[frozenset[str]] = frozenset({"committee"})

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return disagreements in nats."""
        assert candidates.committee is not None
        return disagreement(candidates.committee, self.method)
