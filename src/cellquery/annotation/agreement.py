"""How far annotators agree: kappas with intervals, and who takes what for what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from cellquery.annotation.readings import Readings
from cellquery.core import generator
from cellquery.metrics import (
    bootstrap_interval,
    cohen_kappa,
    cohen_kappa_interval,
    confusion,
    fleiss_kappa,
)


@dataclass(frozen=True)
class PairAgreement:
    """Two annotators on the cells that both named.

    Attributes
    ----------
    first, second : str
    n_cells : int
    kappa, low, high : float
        Cohen's kappa with a 95 % bootstrap interval over cells.
    confusion : list of list of int, shape (patterns, patterns)
        Rows are what the first said, columns what the second did.
    """

    first: str
    second: str
    n_cells: int
    kappa: float
    low: float
    high: float
    confusion: list[list[int]]


@dataclass(frozen=True)
class AgreementReport:
    """All annotators of a project.

    Attributes
    ----------
    patterns : list of str
    n_cells : int
        Cells that at least two people named independently.
    fleiss, low, high : float or None
        Fleiss' kappa over the first two readings of each of them, with a 95 % interval.
    pairs : list of PairAgreement
    """

    patterns: list[str]
    n_cells: int
    fleiss: float | None
    low: float | None
    high: float | None
    pairs: list[PairAgreement]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def agreement_report(readings: Readings, patterns: tuple[str, ...]) -> AgreementReport:
    """Return how far the independent readings of the same cells agree.

    Independent is the last that someone said of a cell outside of Review, where the labels of
    others are in sight. Reviewers' decisions are left out. Two cells are the least that anything
    is said of.
    """
    named = []
    for cell_id in readings.read():
        said = {}
        for told in readings.told(cell_id):
            independent = [each for each in told if each.way != "review" and not each.settles]
            last = independent[-1] if independent else None
            if last and last.kind == "label" and last.pattern in patterns:
                said[last.annotator] = patterns.index(last.pattern)
        if len(said) > 1:
            named.append(said)
    random = generator(0, "agreement")
    pairs = []
    for first, second in combinations(sorted({name for said in named for name in said}), 2):
        both = np.array([(s[first], s[second]) for s in named if first in s and second in s])
        if len(both) < 2:
            continue
        one, two = both[:, 0], both[:, 1]
        table = confusion(one, two, len(patterns))
        low, high = cohen_kappa_interval(table, random)
        kappa = cohen_kappa(one, two)
        pairs.append(PairAgreement(first, second, len(both), kappa, low, high, table.tolist()))
    if len(named) < 2:
        return AgreementReport(list(patterns), len(named), None, None, None, pairs)
    counts = np.zeros((len(named), len(patterns)), dtype=np.int64)
    for row, said in enumerate(named):
        for index in list(said.values())[:2]:
            counts[row, index] += 1
    low, high = bootstrap_interval(lambda rows: fleiss_kappa(counts[rows]), len(named), random)
    return AgreementReport(list(patterns), len(named), fleiss_kappa(counts), low, high, pairs)


def agreement_text(report: AgreementReport) -> str:
    """Return the report as lines of text."""
    if report.fleiss is None:
        return (
            "Two people named fewer than two cells independently: serve with --overlap, or "
            "annotate on."
        )
    lines = [
        f"{report.n_cells} cells were named by two people or more independently.",
        f"Fleiss' kappa {report.fleiss:.3f} (95 % interval {report.low:.3f} to {report.high:.3f})",
        "",
    ]
    for pair in report.pairs:
        lines.append(
            f"{pair.first} and {pair.second}: {pair.n_cells} cells, Cohen's kappa "
            f"{pair.kappa:.3f} ({pair.low:.3f} to {pair.high:.3f})"
        )
        for row, name in zip(pair.confusion, report.patterns, strict=True):
            others = {
                report.patterns[column]: n
                for column, n in enumerate(row)
                if n and report.patterns[column] != name
            }
            if others:
                said = ", ".join(f"{n} {other}" for other, n in others.items())
                lines.append(f"  what {pair.first} calls {name}, {pair.second} calls: {said}")
    return "\n".join(lines)
