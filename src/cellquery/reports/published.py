"""The values that the paper prints for its four cases, beside those of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cellquery.core import title_of
from cellquery.experiments.cases_table import CaseResult
from cellquery.reports.page import Table
from cellquery.reports.studies import judgement_title, spread


@dataclass(frozen=True)
class Published:
    """One value of Vununu et al. 2021, in per cent, on LSHEp-2.

    Attributes
    ----------
    cases : tuple of str
        The first that a study has is compared: with all labels, random and active are the same.
    budget : float
    figure : str
        "aca", "mca" or a pattern, whose recall is meant.
    value : float
    """

    cases: tuple[str, ...]
    budget: float
    figure: str
    value: float


# Sections 3.2 to 3.4, doi:10.3390/s21041469.
PUBLISHED = (
    Published(("RS",), 0.2, "aca", 81.13),
    Published(("RS",), 0.2, "mca", 66.59),
    Published(("RS",), 0.2, "golgi", 1.6),
    Published(("RS",), 0.2, "nuclear_membrane", 46.68),
    Published(("AL",), 0.2, "aca", 91.51),
    Published(("AL",), 0.2, "mca", 90.35),
    Published(("AL",), 0.2, "golgi", 87.47),
    Published(("AL",), 0.2, "nuclear_membrane", 85.50),
    Published(("IN-RS",), 0.2, "aca", 87.54),
    Published(("IN-RS",), 0.2, "mca", 71.75),
    Published(("IN-RS",), 0.2, "golgi", 1.33),
    Published(("IN-RS",), 0.2, "nuclear_membrane", 50.86),
    Published(("IN-AL",), 0.2, "aca", 92.77),
    Published(("IN-AL",), 0.2, "mca", 91.76),
    Published(("AL",), 0.1, "aca", 86.68),
    Published(("IN-AL",), 0.1, "aca", 90.23),
    Published(("RS", "AL"), 1.0, "aca", 94.79),
    Published(("IN-RS", "IN-AL"), 1.0, "aca", 96.33),
)


def published_table(studies: Mapping[str, Sequence[CaseResult]]) -> Table | None:
    """Return the paper's values beside those of studies, or None where no study has any of them.

    Parameters
    ----------
    studies : mapping of str to sequence of CaseResult
        What each study is called, and its results.
    """
    columns = [
        (name, judged)
        for name, results in studies.items()
        for judged in sorted({one.judged for one in results}, key=lambda one: one == "unseen")
    ]
    rows = []
    for said in PUBLISHED:
        ours = [_ours(said, studies[name], judged) for name, judged in columns]
        if any(ours):
            case = " or ".join(said.cases)
            figure = said.figure.upper() if said.figure in ("aca", "mca") else None
            figure = figure or f"recall, {title_of(said.figure)}"
            rows.append([case, f"{100 * said.budget:g}", figure, f"{said.value:.2f}", *ours])
    if not rows:
        return None
    heads = [f"{name}: {judgement_title(judged)}" for name, judged in columns]
    head = ["case", "budget %", "figure", "paper, LSHEp-2 %", *(f"{one} %" for one in heads)]
    caption = "Published values beside ours, mean ± standard deviation over seeds"
    return Table(head, rows, caption, text=(2,))


def _ours(said: Published, results: Sequence[CaseResult], judged: str) -> str:
    for case in said.cases:
        found = [
            one
            for one in results
            if (one.case, one.budget, one.judged) == (case, said.budget, judged)
        ]
        values = [
            getattr(one, said.figure)
            if said.figure in ("aca", "mca")
            else one.recall.get(said.figure)
            for one in found
        ]
        known = [value for value in values if value is not None]
        if known:
            return spread(known)
    return ""
