"""Results of a study of the four cases, read from its run directories alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellquery.core import RESEARCH_USE_ONLY, ProjectError
from cellquery.core.words import counted


@dataclass(frozen=True)
class CaseResult:
    """One finished campaign judged on one set of cells; accuracies and recalls from 0 to 1.

    A pattern that no judged cell has is without recall, and no part of the MCA.
    """

    case: str
    seed: int
    budget: float
    judged: str
    n_labels: int
    aca: float
    mca: float
    recall: dict[str, float | None]
    seconds: float


def campaign_folder(root: Path, case: str, seed: int, budget: float) -> Path:
    """Return where a study keeps one campaign; the budget is a share of the pool.

    With all of it labelled nothing is left to choose: active choice is random choice.
    """
    if budget == 1:
        case = case.replace("AL", "RS")
    return root / case / f"seed-{seed}" / f"budget-{100 * budget:05.1f}"


def by_case_and_budget(
    results: Sequence[CaseResult],
) -> dict[tuple[str, float, str], list[CaseResult]]:
    """Return the seeds' results of each case, budget and judgement, in the order given."""
    groups: dict[tuple[str, float, str], list[CaseResult]] = {}
    for result in results:
        groups.setdefault((result.case, result.budget, result.judged), []).append(result)
    return groups


def case_results(root: Path) -> list[CaseResult]:
    """Return every finished campaign of a study, in the order of cases, budgets and seeds.

    Raises
    ------
    ProjectError
        When the directory holds no study or no finished campaign.
    """
    try:
        study = json.loads((root / "study.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(root, "holds no study", "run cellquery experiment run first") from error
    results = []
    for case in study["cases"]:
        for budget in sorted(study["budgets"]):
            for seed in study["seeds"]:
                folder = campaign_folder(root, case, seed, budget)
                path = folder / "final" / "final.json"
                if not path.exists():
                    continue
                final = json.loads(path.read_text(encoding="utf-8"))
                seconds = sum(final["seconds"].values()) + _seconds_of_rounds(folder)
                for name, said in final["judged"].items():
                    results.append(
                        CaseResult(
                            case,
                            seed,
                            budget,
                            name,
                            final["n_labels"],
                            said["aca"],
                            said["mca"],
                            said["recall"],
                            seconds,
                        )
                    )
    if not results:
        raise ProjectError(root, "holds no finished campaign", "run cellquery experiment run first")
    return results


def cases_table(root: Path) -> str:
    """Return the results of a study as Markdown: a row for each case, budget and judgement."""
    results = case_results(root)
    patterns = list(results[0].recall)
    head = [
        "case",
        "budget",
        "labels",
        "judged on",
        "seeds",
        "ACA %",
        "MCA %",
        *patterns,
        "seconds",
    ]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    rows = by_case_and_budget(results)
    for (case, budget, judged), group in rows.items():
        cells = [
            case,
            f"{100 * budget:g} %",
            f"{np.mean([each.n_labels for each in group]):.0f}",
            judged,
            str(len(group)),
            _spread([each.aca for each in group]),
            _spread([each.mca for each in group]),
            *(_recall(group, pattern) for pattern in patterns),
            f"{np.mean([each.seconds for each in group]):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *absent_patterns(results), *_differences(rows), "", RESEARCH_USE_ONLY]
    return "\n".join(lines)


def absent_patterns(results: Sequence[CaseResult]) -> list[str]:
    """Return a line for each pattern that the judged cells of some seeds lack."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for each in results:
        for pattern, recall in each.recall.items():
            if recall is None:
                seeds.setdefault((each.judged, pattern), set()).add(each.seed)
    return [
        f"No {pattern} in {judged} of {counted(len(among), 'seed')} "
        f"({', '.join(map(str, sorted(among)))}): MCA there is the mean of the other patterns."
        for (judged, pattern), among in seeds.items()
    ]


def _differences(rows: dict[tuple[str, float, str], list[CaseResult]]) -> list[str]:
    """Active against random over the seeds that both have: mean difference and its interval."""
    lines = []
    for (case, budget, judged), group in rows.items():
        other = rows.get((case.replace("AL", "RS"), budget, judged))
        if not case.endswith("AL") or budget == 1 or not other:
            continue
        random = {each.seed: each.mca for each in other}
        gains = [100 * (each.mca - random[each.seed]) for each in group if each.seed in random]
        if gains:
            lines.append(
                f"{case} against {case.replace('AL', 'RS')} at {100 * budget:g} % on {judged}: "
                f"MCA {np.mean(gains):+.2f} points{interval_over_seeds(gains)}."
            )
    return lines


def interval_over_seeds(gains: Sequence[float] | NDArray[np.floating]) -> str:
    """Return in words the 95 % interval (Student) of a mean difference over seeds."""
    if len(gains) < 2:
        return ", one seed"
    from scipy.stats import t as student

    half = student.ppf(0.975, len(gains) - 1) * np.std(gains, ddof=1) / np.sqrt(len(gains))
    low, high = np.mean(gains) - half, np.mean(gains) + half
    return f" (95 % interval over {len(gains)} seeds {low:+.2f} to {high:+.2f})"


def _spread(values: Sequence[float]) -> str:
    mean = f"{100 * np.mean(values):.2f}"
    return mean if len(values) < 2 else f"{mean} ± {100 * np.std(values, ddof=1):.2f}"


def _recall(group: Sequence[CaseResult], pattern: str) -> str:
    values = [each.recall[pattern] for each in group]
    known = [value for value in values if value is not None]
    return f"{100 * np.mean(known):.1f}" if known else ""


def _seconds_of_rounds(folder: Path) -> float:
    settings = json.loads((folder / "campaign.json").read_text(encoding="utf-8"))["settings"]
    if settings["strategy"] == "random" and settings["final"] is not None:
        # Its round exists for form; the network of it is not used.
        return 0.0
    paths = folder.glob("rounds/*/round.json")
    rounds = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in paths]
    return float(sum(sum(seconds.values()) for seconds in rounds))
