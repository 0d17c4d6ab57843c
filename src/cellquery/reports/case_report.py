"""The report of a study of the four cases: one page, and its figures as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.campaign.records import rounds_done
from cellquery.core import InputError
from cellquery.experiments.cases_table import (
    CaseResult,
    by_case_and_budget,
    campaign_folder,
    case_results,
)
from cellquery.reports.figures import Plate, confusion_matrix
from cellquery.reports.figures.cases import (
    accuracy_by_budget,
    gain_of_initial_learning,
    hardest_patterns,
    labels_by_round,
    time_by_round,
)
from cellquery.reports.page import Table, render_page, write_whole

# ACA in per cent on LSHEp-2, 20 % of its training set labelled; Vununu et al. 2021, Section 4.
PUBLISHED_AT_20 = {"AL": 91.51, "IN-AL": 92.77}
_PUBLISHED_BUDGET = 0.2


def case_plates(root: Path) -> dict[str, Plate]:
    """Return the figures of a study by name.

    Parameters
    ----------
    root : Path
        The study's directory of runs.

    Raises
    ------
    ProjectError
        When the directory holds no study or no finished campaign.
    InputError
        When a judgement of a finished campaign is missing or damaged.
    """
    results = case_results(root)
    plates: dict[str, Plate] = {}
    for judged in _judgements(results):
        chosen = [result for result in results if result.judged == judged]
        name = "unseen specimens" if judged == "unseen" else judged
        for measure in ("mca", "aca"):
            curves = _curves(chosen, measure)
            plates[f"{measure}-by-budget-{judged}"] = accuracy_by_budget(
                curves, measure.upper(), f"Figure 16, {name}"
            )
        plates[f"gain-{judged}"] = gain_of_initial_learning(
            _curves(chosen, "mca"), "MCA", f"Figure 17, {name}"
        )
        budget = _shown_budget(chosen)
        at = [result for result in chosen if result.budget == budget]
        cases = list(dict.fromkeys(result.case for result in at))
        recalls = {case: _recalls([r for r in at if r.case == case]) for case in cases}
        plates[f"hardest-{judged}"] = hardest_patterns(
            recalls, f"Figure 15, {name}, {100 * budget:g} %"
        )
        for case in cases:
            seeds = [result.seed for result in at if result.case == case]
            folder = campaign_folder(root, case, min(seeds), budget)
            values = _evaluation(folder / "final" / f"evaluation-{judged}.json")
            plates[f"confusion-{judged}-{case}"] = confusion_matrix(
                values["confusion"], values["patterns"], f"{case}, {name}, {100 * budget:g} %"
            )
    budget = _shown_budget(results)
    for case in ("AL", "IN-AL"):
        seeds = [r.seed for r in results if r.case == case and r.budget == budget]
        if not seeds:
            continue
        folder = campaign_folder(root, case, min(seeds), budget)
        facts = [each.facts() for each in rounds_done(folder)]
        if facts:
            title = f"{case}, {100 * budget:g} %"
            counts = [each["labels_per_pattern"] for each in facts]
            plates[f"labels-{case}"] = labels_by_round(counts, title)
            plates[f"time-{case}"] = time_by_round([each["seconds"] for each in facts], title)
    return plates


def case_report(root: Path, plates: Mapping[str, Plate]) -> str:
    """Return the report of a study, with its figures, as one self-contained HTML page."""
    results = case_results(root)
    study = json.loads((root / "study.json").read_text(encoding="utf-8"))
    return render_page(
        "case_report.html.j2",
        title=f"The four cases: {study['name']}",
        provenance={
            "study": study["name"],
            "preset": study["preset"],
            "seeds": ", ".join(map(str, sorted({result.seed for result in results}))),
            "training seconds": f"{sum(_each_campaign(results).values()):.0f}",
        },
        overview=_overview(results),
        published=_published(results),
        pictures=[plate.picture() for plate in plates.values()],
    )


def write_case_files(root: Path, plates: Mapping[str, Plate], into: Path) -> list[Path]:
    """Write every figure as SVG and PNG and every result as one CSV; return the paths."""
    into.mkdir(parents=True, exist_ok=True)
    paths = [
        plate.save(into / f"{name}.{kind}")
        for name, plate in plates.items()
        for kind in ("svg", "png")
    ]
    text = io.StringIO()
    results = case_results(root)
    patterns = list(results[0].recall)
    writer = csv.writer(text, lineterminator="\n")
    head = ["case", "seed", "budget", "judged", "n_labels", "aca", "mca", "seconds"]
    writer.writerow([*head, *(f"recall_{pattern}" for pattern in patterns)])
    for result in results:
        facts = [getattr(result, name) for name in head]
        writer.writerow([*facts, *(result.recall[pattern] for pattern in patterns)])
    paths.append(write_whole(into / "results.csv", text.getvalue().encode()))
    return paths


def _judgements(results: Sequence[CaseResult]) -> list[str]:
    """Return what was judged, unseen specimens first."""
    return sorted({result.judged for result in results}, key=lambda name: (name != "unseen", name))


def _curves(results: Sequence[CaseResult], measure: str) -> dict[str, dict[float, list[float]]]:
    curves: dict[str, dict[float, list[float]]] = {}
    for result in results:
        points = curves.setdefault(result.case, {})
        points.setdefault(result.budget, []).append(getattr(result, measure))
    return curves


def _shown_budget(results: Sequence[CaseResult]) -> float:
    """Return the paper's 20 % where it was run, else the largest budget below everything."""
    budgets = sorted({result.budget for result in results})
    if _PUBLISHED_BUDGET in budgets:
        return _PUBLISHED_BUDGET
    return max((budget for budget in budgets if budget < 1), default=budgets[-1])


def _recalls(results: Sequence[CaseResult]) -> dict[str, float]:
    patterns = [p for p, recall in results[0].recall.items() if recall is not None]
    return {p: float(np.mean([r.recall[p] for r in results])) for p in patterns}


def _evaluation(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "run the study again") from error
    return values


def _each_campaign(results: Sequence[CaseResult]) -> dict[tuple[str, int, float], float]:
    return {(r.case, r.seed, r.budget): r.seconds for r in results}


def _overview(results: Sequence[CaseResult]) -> Table:
    groups = by_case_and_budget(results)
    rows = [
        [
            case,
            "unseen specimens" if judged == "unseen" else judged,
            f"{100 * budget:g}",
            f"{np.mean([r.n_labels for r in group]):.0f}",
            str(len(group)),
            f"{100 * np.mean([r.mca for r in group]):.2f}",
            f"{100 * np.mean([r.aca for r in group]):.2f}",
            f"{np.mean([r.seconds for r in group]):.0f}",
        ]
        for first in _judgements(results)
        for (case, budget, judged), group in groups.items()
        if judged == first
    ]
    head = ["case", "judged on", "budget %", "labels", "seeds", "MCA %", "ACA %", "seconds"]
    return Table(head, rows, "Means over seeds", text=(1,))


def _published(results: Sequence[CaseResult]) -> Table | None:
    rows = []
    for case, value in PUBLISHED_AT_20.items():
        ours = [
            result.aca
            for result in results
            if result.case == case
            and result.budget == _PUBLISHED_BUDGET
            and result.judged != "unseen"
        ]
        if ours:
            rows.append([case, f"{value:.2f}", f"{100 * np.mean(ours):.2f}", str(len(ours))])
    head = ["case", "paper, LSHEp-2: ACA %", "here: ACA %", "seeds"]
    return Table(head, rows, "20 % of the pool labelled") if rows else None
