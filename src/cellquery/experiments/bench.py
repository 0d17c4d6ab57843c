"""What a campaign costs: beside one training on all labels, and beside the literal loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cellquery.campaign import CampaignSettings
from cellquery.campaign.records import read_json
from cellquery.core import RESEARCH_USE_ONLY, Progress, SettingsError, silent
from cellquery.core.durable import write_json
from cellquery.core.provenance import provenance
from cellquery.core.words import counted
from cellquery.data import Project
from cellquery.experiments.cases import CaseStudy, Grounds


@dataclass(frozen=True)
class Cost:
    """The cost of one way to a trained network.

    Attributes
    ----------
    name : str
    n_labels : int
    seconds, cpu_seconds : dict of str
        Time by what it was spent on: selection, caching, training, scoring, last training. By the
        clock, and of the processor, which hardly depends on what else the machine does;
        ``cpu_seconds`` is empty for campaigns run before it was kept.
    mca : dict of str
        MCA on each judged set of cells, 0 to 1.
    """

    name: str
    n_labels: int
    seconds: dict[str, float]
    mca: dict[str, float]
    cpu_seconds: dict[str, float] = field(default_factory=dict)


def bench_campaign(
    study: CaseStudy,
    project: Project,
    into: Path,
    *,
    budget: float,
    seed: int = 0,
    literal: bool = True,
    progress: Progress = silent,
) -> Path:
    """Run the same study in up to three ways, one after the other, and keep what each cost.

    *All labels* is one training on the whole pool, with the settings of the campaign's last
    training. *Campaign* is IN-AL. *Literal* is the same campaign as one would write it down from
    the paper: every round a full training of all layers from the initial weights on all labels so
    far, nothing cached. All three start from the same initial network, whose learning is not
    counted, and judge only the delivered network, which is not counted either. What is finished is
    kept.

    Parameters
    ----------
    study : CaseStudy
        With a last training.
    project : Project
    into : Path
        Where ``bench-NAME`` is made.
    budget : float
        Share of the pool.
    seed : int
    literal : bool
        Run the literal loop too; it takes by far the longest.
    progress : Progress

    Returns
    -------
    Path
        The directory, with ``costs.json``.
    """
    if budget == 1:
        raise SettingsError("--budget 1", "leaves nothing to choose", "name a share below 1")
    usual = study.settings_of("IN-AL", budget)
    last = usual.final_training()
    if last is None:
        raise SettingsError(study.name, "has no last training to compare with", "set final")
    everything = study.settings_of("IN-RS", 1.0).model_copy(update={"audit_cells": 0})
    ways: dict[str, CampaignSettings] = {"all-labels": everything, "campaign": usual}
    if literal:
        train = last.model_dump()
        changes = {"restart": "initial", "freeze_early": False, "cache_mb": 0}
        ways["literal"] = usual.model_copy(update={"train": train, "final": None, **changes})
    root = into / f"bench-{study.name}"
    grounds = Grounds.prepare(study, project, seed, progress=progress)
    for settings in ways.values():
        settings.sizes(len(grounds.pool))
    first = grounds.learn_first(root, seed)
    costs = []
    for name, settings in ways.items():
        about = {"study": study.name, "way": name}
        grounds.campaign(root / name, settings, seed, first, about).advance(grounds.oracle)
        costs.append(_cost(name, root / name))
    facts = {
        "notice": RESEARCH_USE_ONLY,
        "pool": len(grounds.pool),
        "budget": budget,
        "seed": seed,
        "threads": torch.get_num_threads(),
        **provenance(),
        "costs": [vars(cost) for cost in costs],
    }
    write_json(root / "costs.json", facts)
    return root


def bench_table(root: Path) -> str:
    """Return what each way cost as a Markdown table, with the ratios to the campaign."""
    facts = read_json(root / "costs.json")
    costs = [Cost(**values) for values in facts["costs"]]
    usual = next(cost for cost in costs if cost.name == "campaign")
    spent = list(dict.fromkeys(key for cost in costs for key in cost.seconds))
    judged = list(usual.mca)
    head = ["way", "labels", *(f"MCA % {name}" for name in judged), *spent]
    head += ["seconds", "ratio", "CPU seconds", "CPU ratio"]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for cost in costs:
        cells = [
            cost.name,
            str(cost.n_labels),
            *(f"{100 * cost.mca[name]:.2f}" for name in judged),
            *(f"{cost.seconds.get(key, 0):.0f}" for key in spent),
            *_total(cost.seconds, usual.seconds),
            *_total(cost.cpu_seconds, usual.cpu_seconds),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    threads = counted(facts["threads"], "thread")
    machine = f"{facts['processor']}, {threads}, torch {facts['packages']['torch']}."
    return "\n".join([*lines, "", machine, RESEARCH_USE_ONLY])


def _total(seconds: dict[str, float], usual: dict[str, float]) -> tuple[str, str]:
    """Return the sum and its ratio to the campaign's, in words; dashes where one is not known."""
    total, other = sum(seconds.values()), sum(usual.values())
    return f"{total:.0f}" if seconds else "-", f"{total / other:.2f}" if seconds and other else "-"


def _cost(name: str, folder: Path) -> Cost:
    final = read_json(folder / "final" / "final.json")
    rounds = [read_json(path) for path in sorted(folder.glob("rounds/*/round.json"))]
    # The only round of this way exists for form; its network is not used.
    rounds = [] if name == "all-labels" else rounds
    spent: dict[str, dict[str, float]] = {}
    for clock in ("seconds", "cpu_seconds"):
        by_kind: Counter[str] = Counter()
        if all(clock in each for each in (*rounds, final)):
            for each in rounds:
                by_kind.update(each[clock])
            by_kind.pop("judging", None)
            by_kind["last training"] = final[clock]["training"]
        spent[clock] = dict(by_kind)
    mca = {part: said["mca"] for part, said in final["judged"].items()}
    return Cost(name, final["n_labels"], mca=mca, **spent)
