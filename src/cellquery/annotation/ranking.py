"""What a campaign asks for, what it would ask for next, and what its network says of each cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cellquery.campaign.records import round_folder, rounds_done
from cellquery.core import generator


@dataclass(frozen=True)
class Suggestion:
    """What the newest network says of a cell.

    Attributes
    ----------
    pattern : str
    probability : float
    margin : float
        Between the two most probable patterns; small where the network is unsure.
    """

    pattern: str
    probability: float
    margin: float


@dataclass
class Ranking:
    """A campaign's folder as those who serve cells see it; read again when it has changed.

    Attributes
    ----------
    root : Path
        The campaign's folder.
    ids : list of str
        The pool.
    seed : int
        Decides the order before there is a network.
    asked : list of str
        What the running round asks for, the most useful first; audit cells before all.
    standing : list of str
        The whole pool, least certain first: what is served while a network is trained.
    suggestions : dict of str to Suggestion
    model : str
        Whose suggestions they are, such as ``round 3``; empty before the first.
    """

    root: Path
    ids: list[str]
    seed: int
    asked: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    suggestions: dict[str, Suggestion] = field(default_factory=dict)
    model: str = ""
    done: bool = False
    _seen: tuple[Any, ...] = ()

    def refresh(self) -> bool:
        """Read what is new; return whether anything was."""
        n_done = len(rounds_done(self.root))
        folder = round_folder(self.root, n_done)
        audit = self.root / "audit-query.parquet"
        final = self.root / "final" / "final.json"
        query = folder.path / "query.parquet"
        seen = (n_done, audit.exists(), query.exists(), final.exists())
        if seen == self._seen:
            return False
        if not self.standing:
            order = generator(self.seed, "standing").permutation(len(self.ids))
            self.standing = [self.ids[row] for row in order]
        if n_done and (not self._seen or self._seen[0] != n_done):
            self._read_scores(n_done - 1)
        self.asked = []
        if audit.exists() and not n_done:
            self.asked += pq.read_table(audit)["cell_id"].to_pylist()
        if query.exists():
            self.asked += pq.read_table(query)["cell_id"].to_pylist()
        self.done = final.exists()
        self._seen = seen
        return True

    def _read_scores(self, number: int) -> None:
        table = pq.read_table(round_folder(self.root, number).path / "pool.parquet")
        columns = (
            table[name].to_pylist() for name in ("cell_id", "predicted", "probability", "margin")
        )
        self.suggestions = {
            cell_id: Suggestion(pattern, probability, margin)
            for cell_id, pattern, probability, margin in zip(*columns, strict=True)
        }
        self.standing = sorted(self.suggestions, key=lambda each: self.suggestions[each].margin)
        self.model = f"round {number}"
