"""Findings about patterns: how many cells there are of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellquery.data.audit.findings import Finding, concerning
from cellquery.data.audit.measurements import Measurements

_FEWEST_CELLS = 50
_IMBALANCE = 3.0
_GREAT_IMBALANCE = 10.0


@dataclass(frozen=True)
class PatternCount:
    """How much of a pattern there is.

    Attributes
    ----------
    pattern : str
        Its name.
    n_cells : int
        Cells that carry it.
    n_specimens : int
        Known specimens with such cells.
    largest_specimen : int
        Cells of the specimen that has most of them.
    """

    pattern: str
    n_cells: int
    n_specimens: int
    largest_specimen: int

    def to_json(self) -> dict[str, Any]:
        """Return the count as an entry of ``patterns`` of ``audit.json``."""
        return {
            "name": self.pattern,
            "n_cells": self.n_cells,
            "n_specimens": self.n_specimens,
            "largest_specimen": self.largest_specimen,
        }


def count_patterns(cells: Measurements, patterns: Sequence[str]) -> list[PatternCount]:
    """Return the cells and specimens of every pattern of the class list."""
    n_cells: Counter[str] = Counter()
    specimens: dict[str, Counter[str]] = defaultdict(Counter)
    for pattern, specimen in zip(cells.patterns, cells.specimens, strict=True):
        n_cells[pattern] += 1
        if specimen is not None:
            specimens[pattern][specimen] += 1
    return [
        PatternCount(p, n_cells[p], len(specimens[p]), max(specimens[p].values(), default=0))
        for p in patterns
    ]


def class_findings(cells: Measurements, counts: Sequence[PatternCount]) -> list[Finding]:
    """Return findings about the numbers of cells and specimens of the patterns."""
    found = []
    labelled = int(cells.labelled.sum())
    if labelled < len(cells):
        found.append(_unlabelled(cells, labelled))
    absent = [one.pattern for one in counts if not one.n_cells]
    if absent and labelled:
        found.append(
            Finding(
                "pattern-without-cells",
                "note",
                f"No cell of {', '.join(absent)}",
                "The class list names it, so a network gets an output for it that it never learns.",
                "Label some cells of it or make a project without it.",
                numbers={"patterns": absent},
            )
        )
    few = [one for one in counts if 0 < one.n_cells < _FEWEST_CELLS]
    if few:
        found.append(
            Finding(
                "few-cells",
                "warning",
                f"Fewer than {_FEWEST_CELLS} cells of {', '.join(one.pattern for one in few)}",
                "So few cells can neither be learnt well nor measured: of 10 test cells, one more "
                "right is ten points of recall.",
                "Label more of them, and read their recall with its interval.",
                numbers={one.pattern: one.n_cells for one in few},
            )
        )
    present = [one for one in counts if one.n_cells]
    most = max(present, key=lambda one: one.n_cells, default=None)
    least = min(present, key=lambda one: one.n_cells, default=None)
    if most and least and most.n_cells >= _IMBALANCE * least.n_cells:
        ratio = most.n_cells / least.n_cells
        found.append(
            Finding(
                "imbalance",
                "warning" if ratio >= _GREAT_IMBALANCE else "note",
                f"{ratio:.1f} times as many cells of {most.pattern} as of {least.pattern}",
                "The overall accuracy (ACA) follows the large classes; a network that never names "
                f"{least.pattern} would hardly lose any.",
                "Judge by the mean of the recalls (MCA), and consider class weights.",
                numbers={one.pattern: one.n_cells for one in present},
            )
        )
    return found


def _unlabelled(cells: Measurements, labelled: int) -> Finding:
    rest = len(cells) - labelled
    return Finding(
        "unlabelled",
        "note",
        f"{rest:,} of {len(cells):,} cells have no pattern",
        "That is the normal state of a set to be annotated. They are checked for duplicates, but "
        "not for what depends on patterns.",
        "Choose the ones to label by active learning, or give labels with --annotations.",
        **concerning(cells.ids[~cells.labelled]),
    )
