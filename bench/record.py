"""What a comparison is, and how what it measured is kept.

A comparison is a module of this folder with a ``TITLE`` and these functions:

``terms(bench)``
    returns what its facts depend on besides threads; may be left out.
``measure(bench)``
    measures and returns plain facts; what takes long it asks `Bench.part` for, so that an
    interrupted run goes on with what it has.
``lines(facts)``
    returns its lines of the table of all comparisons.
``table(facts)``
    returns its own table, as Markdown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellquery.core.durable import make_folder, write_json
from cellquery.core.provenance import provenance
from cellquery.experiments.table import row


@dataclass(frozen=True)
class Line:
    """One line of the table of all comparisons.

    Attributes
    ----------
    what : str
    ours : str
        What was measured of cellquery, with its unit.
    beside : str
        What it stands beside, with its value.
    ratio : str
        How many times better it is, or what share it reaches.
    """

    what: str
    ours: str
    beside: str = "-"
    ratio: str = "-"


@dataclass(frozen=True)
class Bench:
    """One run of comparisons.

    Attributes
    ----------
    kept : Path
        Where facts are kept, one JSON file a part.
    work : Path
        Where what is only needed meanwhile lies.
    smoke : bool
        Everything once, as small as can be, to see that it runs.
    project : Path or None
        Real cells, where a comparison can use some.
    folds : Path or None
        A finished experiment's runs ``fold-*``, learnt from the project.
    threads : int
    """

    kept: Path
    work: Path
    smoke: bool = False
    project: Path | None = None
    folds: Path | None = None
    threads: int = 1

    def part(
        self, name: str, asked: Mapping[str, Any], measure: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the facts of a part: those kept, where they were measured on the same terms."""
        path = self.kept / f"{name}.json"
        terms = json.loads(json.dumps({**asked, "smoke": self.smoke, "threads": self.threads}))
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if kept["asked"] == terms:
                return kept
        load = os.getloadavg()[0]
        measured = measure()
        # What was measured in another environment says itself with which packages.
        facts = {"asked": terms, "load": round(load, 1), **provenance(), **measured}
        make_folder(path.parent)
        write_json(path, facts)
        return facts


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join([row(head), row(["---"] * len(head)), *(row(each) for each in rows)])
