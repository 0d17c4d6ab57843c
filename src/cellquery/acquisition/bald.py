"""BALD: cells that draws of the network disagree on although each of them is sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates, Query
from cellquery.acquisition.contract import ByUtility, ranked
from cellquery.acquisition.entropy import entropy


@dataclass(frozen=True)
class Bald(ByUtility):
    """Mutual information of label and weights (Houlsby et al. 2011, arXiv:1112.5745).

    The draws come from Monte-Carlo dropout (Gal et al. 2017, arXiv:1703.02910). The top n alone
    would be n times the same cell, so a batch is drawn with odds in proportion to the information
    (PowerBALD, Kirsch et al. 2021, arXiv:2106.12059).

    Parameters
    ----------
    batch : {"power", "top"}
        Draw the batch, or take the n highest.
    """

    batch: Literal["power", "top"] = "power"

    name: ClassVar[str] = "bald"
    needs: ClassVar[frozenset[str]] = frozenset({"committee"})

    def utilities(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the information in nats, or its logarithm where the batch is drawn."""
        assert candidates.committee is not None
        mean = candidates.committee.mean(axis=0)
        # Member by member: all of them at once, in double precision, would not fit for long.
        own = sum(entropy(member) for member in candidates.committee) / len(candidates.committee)
        information = entropy(mean) - own
        return information if self.batch == "top" else np.log(np.maximum(information, 1e-12))

    def reach(self, n: int) -> int | None:
        """Return n, or None where a lot may bring any candidate to the top."""
        return n if self.batch == "top" else None

    def query(self, candidates: Candidates, n: int, random: np.random.Generator) -> Query:
        """Return n candidates; utilities are nats, or, drawn, log nats plus a Gumbel lot."""
        candidates = candidates.in_order()
        utilities = self.known(candidates)
        if self.batch == "power":
            utilities = utilities + random.gumbel(size=len(candidates))
        return ranked(candidates, utilities, n)
