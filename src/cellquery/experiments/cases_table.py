"""Results of a study of the four cases, read from its run directories alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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


def chosen_as(case: str, budget: float) -> str:
    """Return the case that a campaign comes to; the budget is a share of the pool.

    With all of it labelled nothing is left to choose: active choice is random choice.
    """
    return case.replace("AL", "RS") if budget == 1 else case


def campaign_folder(root: Path, case: str, seed: int, budget: float) -> Path:
    """Return where a study keeps one campaign; the budget is a share of the pool."""
    return root / chosen_as(case, budget) / f"seed-{seed}" / f"budget-{100 * budget:05.1f}"


def by_case_and_budget(
    results: Sequence[CaseResult],
) -> dict[tuple[str, float, str], list[CaseResult]]:
    """Return the seeds' results of each case, budget and judgement, in the order given."""
    groups: dict[tuple[str, float, str], list[CaseResult]] = {}
    for result in results:
        groups.setdefault((result.case, result.budget, result.judged), []).append(result)
    return groups


def read_study(root: Path) -> dict[str, Any]:
    """Return what a directory keeps of its study, as plain values: a table needs no torch.

    Raises
    ------
    ProjectError
        When the directory is no study's.
    """
    try:
        study: dict[str, Any] = json.loads((root / "study.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(root, "holds no study", "run cellquery experiment run first") from error
    return study


def case_results(root: Path) -> list[CaseResult]:
    """Return every finished campaign of a study, in the order of cases, budgets and seeds.

    Raises
    ------
    ProjectError
        When the directory holds no study or no finished campaign.
    """
    study = read_study(root)
    results = []
    for case in study["cases"]:
        for budget in sorted(study["budgets"]):
            for seed in study["seeds"]:
                folder = campaign_folder(root, case, seed, budget)
                path = folder / "final" / "final.json"
                if not path.exists():
                    continue
                final = json.loads(path.read_text(encoding="utf-8"))
                seconds = sum(final["seconds"].values()) + _seconds_of_rounds(
                    folder, chosen_as(case, budget)
                )
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
        recall = mean_recalls(each.recall for each in group)
        cells = [
            case,
            f"{100 * budget:g} %",
            f"{np.mean([each.n_labels for each in group]):.0f}",
            judged,
            str(len(group)),
            _spread([each.aca for each in group]),
            _spread([each.mca for each in group]),
            *(f"{100 * recall[name]:.1f}" if name in recall else "" for name in patterns),
            f"{np.mean([each.seconds for each in group]):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    folds = read_study(root).get("folds", 0)
    lines += ["", *caveats(root, results), *_differences(rows, folds)]
    lines += [*_by_companions(root, rows, folds), "", RESEARCH_USE_ONLY]
    return "\n".join(lines)


def mean_recalls(recalls: Iterable[Mapping[str, float | None]]) -> dict[str, float]:
    """Return the mean recall of each pattern over the judgements whose cells have it.

    Examples
    --------
    >>> mean_recalls([{"golgi": 0.5, "speckled": None}, {"golgi": 1.0, "speckled": None}])
    {'golgi': 0.75}
    """
    known: dict[str, list[float]] = {}
    for recall in recalls:
        for pattern, value in recall.items():
            if value is not None:
                known.setdefault(pattern, []).append(value)
    return {pattern: float(np.mean(values)) for pattern, values in known.items()}


def caveats(root: Path, results: Sequence[CaseResult]) -> list[str]:
    """Return a line for each thing in which results set side by side are unlike."""
    return [*_absent_patterns(results), *_uneven_seeds(results), *_unlike_runs(root, results)]


def _absent_patterns(results: Sequence[CaseResult]) -> list[str]:
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


def _uneven_seeds(results: Sequence[CaseResult]) -> list[str]:
    """Return a line for the seeds of each budget that not all of its cases have."""
    budgets: dict[float, dict[int, dict[str, None]]] = {}
    for each in results:
        budgets.setdefault(each.budget, {}).setdefault(each.seed, {})[each.case] = None
    lines = []
    for budget, cases in budgets.items():
        every = set().union(*cases.values())
        some: dict[tuple[str, ...], list[int]] = {}
        for seed, of_seed in sorted(cases.items()):
            if set(of_seed) < every:
                some.setdefault(tuple(of_seed), []).append(seed)
        for alone, seeds in some.items():
            have = "has" if len(alone) == 1 else "have"
            lines.append(
                f"At {100 * budget:g} % {', '.join(alone)} alone {have} seed "
                f"{', '.join(map(str, seeds))}: rows are means of other seeds."
            )
    return lines


def _unlike_runs(root: Path, results: Sequence[CaseResult]) -> list[str]:
    """Return a line for another precision, and for each seed of several initial networks.

    Cells and settings are the same, or `run_case_study` would have refused them; what campaigns
    were run on, and an initial network that was learnt anew, may differ.
    """
    # Names in the order of the results, each once.
    bf16: dict[bool, dict[str, None]] = {}
    networks: dict[int, dict[str, dict[str, None]]] = {}
    for each in results:
        folder = campaign_folder(root, each.case, each.seed, each.budget)
        began = json.loads((folder / "campaign.json").read_text(encoding="utf-8"))
        about, name = began.get("about", {}), f"{each.case} at {100 * each.budget:g} %"
        asked = [began.get(key) or {} for key in ("training", "final_training")]
        if any(training.get("precision") == "bf16-mixed" for training in asked):
            # Before it was kept, training was in bfloat16 on whatever processor.
            bf16.setdefault(about.get("has_bf16", True), {})[name] = None
        if network := began.get("initial_network"):
            networks.setdefault(each.seed, {}).setdefault(network, {})[name] = None
    lines = []
    if len(bf16) > 1:
        lines.append(f"In 32 bits, the others in bfloat16: {', '.join(bf16[False])}.")
    lines += [
        f"Seed {seed} has {len(of_network)} initial networks, learnt alike but not the same: "
        f"{'; '.join(map(', '.join, of_network.values()))}."
        for seed, of_network in sorted(networks.items())
        if len(of_network) > 1
    ]
    return lines


def _differences(
    rows: Mapping[tuple[str, float, str], Sequence[CaseResult]], folds: int
) -> list[str]:
    """Active against random, and with against without initial learning, seed by seed.

    Active choice is set against as many random cells, and against twice as many and all of them:
    what it loses to these is the price of the labels that it saves.
    """
    lines = []
    for (case, budget, judged), group in rows.items():
        if chosen_as(case, budget) != case:
            continue
        random = case.replace("AL", "RS")
        others = [(random, budget), (case.removeprefix("IN-"), budget)]
        if random != case:
            # With all labels nothing is chosen: where that case is missing, this one has them too.
            whole = random if (random, 1.0, judged) in rows else case
            others += [(random, 2 * budget), (whole, 1.0)]
        for other, more in dict.fromkeys(others):
            if (other, more) == (case, budget) or (other, more, judged) not in rows:
                continue
            mca = {each.seed: each.mca for each in rows[other, more, judged]}
            gains = {
                each.seed: 100 * (each.mca - mca[each.seed]) for each in group if each.seed in mca
            }
            at = f"{case} against {other} at {100 * budget:g} %"
            if more != budget:
                at = f"{case} at {100 * budget:g} % against {other} at {100 * more:g} %"
            if gains:
                lines.append(f"{at} on {judged}: MCA {gain_in_words(gains, folds, 'points')}.")
    return lines


def _by_companions(
    root: Path, rows: Mapping[tuple[str, float, str], Sequence[CaseResult]], folds: int
) -> list[str]:
    """With a companion against the network alone, seed by seed."""
    lines = []
    for (case, budget, judged), group in rows.items():
        gains = {}
        for each in group:
            folder = campaign_folder(root, case, each.seed, budget)
            alone = folder / "final" / "network" / f"evaluation-{judged}.json"
            if alone.exists():
                mca = json.loads(alone.read_text(encoding="utf-8"))["mca"]
                gains[each.seed] = 100 * (each.mca - mca)
        if gains:
            lines.append(
                f"{case} at {100 * budget:g} % on {judged}, with its companion against the "
                f"network alone: MCA {gain_in_words(gains, folds, 'points')}."
            )
    return lines


def gain_in_words(gains: Mapping[int, float], folds: int = 0, unit: str = "") -> str:
    """Return the mean of differences of the same seed, and its 95 % interval (Student).

    Seeds that keep the same specimens out say the same of them: such seeds count as one.

    Parameters
    ----------
    gains : mapping of int to float
        Difference of each seed.
    folds : int
        Of the study; 0 where all seeds have the same pool.
    unit : str

    Examples
    --------
    >>> gain_in_words({0: 1.0, 1: 3.0, 5: 3.0}, folds=5)
    '+2.50 (95 % interval over 2 folds -3.85 to +8.85)'
    >>> gain_in_words({0: 1.0}, unit="points")
    '+1.00 points, one seed'
    """
    alike: dict[int, list[float]] = {}
    for seed, gain in gains.items():
        alike.setdefault(seed % folds if folds else seed, []).append(gain)
    values = [np.mean(of_one) for of_one in alike.values()]
    mean = f"{np.mean(values):+.2f} {unit}".rstrip()
    of = "fold" if folds else "seed"
    if len(values) < 2:
        return f"{mean}, one {of}"
    from scipy.stats import t as student

    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    low, high = np.mean(values) - half, np.mean(values) + half
    return f"{mean} (95 % interval over {len(values)} {of}s {low:+.2f} to {high:+.2f})"


def _spread(values: Sequence[float]) -> str:
    mean = f"{100 * np.mean(values):.2f}"
    return mean if len(values) < 2 else f"{mean} ± {100 * np.std(values, ddof=1):.2f}"


def _seconds_of_rounds(folder: Path, case: str) -> float:
    settings = json.loads((folder / "campaign.json").read_text(encoding="utf-8"))["settings"]
    if case.endswith("RS") and settings["final"] is not None:
        # Its round exists for form; the network of it is not used.
        return 0.0
    paths = folder.glob("rounds/*/round.json")
    rounds = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in paths]
    return float(sum(sum(seconds.values()) for seconds in rounds))
