"""What a campaign asks for, what it would ask for next, and what its network says of each cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cellquery.campaign.records import round_folder, rounds_done
from cellquery.campaign.standing import before_a_network


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
        The whole pool as the campaign's strategy would ask for it: what is served while a network
        is trained.
    version : int
        Grows whenever what comes next is ranked anew.
    groups : dict of str to int
        Cells of one group look alike.
    suggestions : dict of str to Suggestion
    model : str
        Whose suggestions they are, such as ``round 3``; empty before the first.
    """

    root: Path
    ids: list[str]
    seed: int
    asked: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    version: int = 0
    groups: dict[str, int] = field(default_factory=dict)
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
        orders = (round_folder(self.root, number).standing for number in range(n_done, -1, -1))
        standing = next((path for path in orders if path.exists()), None)
        seen = (n_done, audit.exists(), query.exists(), standing, final.exists())
        if seen == self._seen:
            return False
        if n_done and (not self._seen or self._seen[0] != n_done):
            self._read_scores(n_done - 1)
        if standing is not None:
            table = pq.read_table(standing, columns=["cell_id", "group"])
            self.standing, groups = (column.to_pylist() for column in table.columns)
            self.groups = dict(zip(self.standing, groups, strict=True))
        elif self.suggestions:
            # Begun by an earlier version, which kept no order: the least certain first.
            self.standing = sorted(self.suggestions, key=lambda each: self.suggestions[each].margin)
        elif not self.standing:
            self.standing = before_a_network(self.ids, self.seed).ids.tolist()
        self.asked = []
        if audit.exists() and not n_done:
            self.asked += pq.read_table(audit)["cell_id"].to_pylist()
        if query.exists():
            self.asked += pq.read_table(query)["cell_id"].to_pylist()
        self.done = final.exists()
        self._seen = seen
        self.version += 1
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
        self.model = f"round {number}"
