"""What a campaign costs: beside one training on all labels, and beside the literal loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    seconds : dict of str
        Wall time by what it was spent on: selection, caching, training, scoring, last training.
    mca : dict of str
        MCA on each judged set of cells, 0 to 1.
    """

    name: str
    n_labels: int
    seconds: dict[str, float]
    mca: dict[str, float]

    @property
    def total(self) -> float:
        """All seconds."""
        return sum(self.seconds.values())


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
    the paper: every round a full training from the initial weights on all labels so far, nothing
    cached. All three start from the same initial network, whose learning is not counted, and judge
    only the delivered network, which is not counted either. What is finished is kept.

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
    usual = study.settings_of("IN-AL", budget)
    if usual.final is None:
        raise SettingsError(study.name, "has no last training to compare with", "set final")
    everything = study.settings_of("IN-RS", 1.0)
    ways: dict[str, CampaignSettings] = {"all-labels": everything, "campaign": usual}
    if literal:
        ways["literal"] = usual.model_copy(
            update={"train": usual.final, "final": None, "restart": "initial", "cache_mb": 0}
        )
    root = into / f"bench-{study.name}"
    grounds = Grounds.prepare(study, project, progress=progress)
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
    head = ["way", "labels", *(f"MCA % {name}" for name in judged), *spent, "seconds", "ratio"]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for cost in costs:
        cells = [
            cost.name,
            str(cost.n_labels),
            *(f"{100 * cost.mca[name]:.2f}" for name in judged),
            *(f"{cost.seconds.get(key, 0):.0f}" for key in spent),
            f"{cost.total:.0f}",
            f"{cost.total / usual.total:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    threads = counted(facts["threads"], "thread")
    machine = f"{facts['processor']}, {threads}, torch {facts['packages']['torch']}."
    return "\n".join([*lines, "", machine, RESEARCH_USE_ONLY])


def _cost(name: str, folder: Path) -> Cost:
    final = read_json(folder / "final" / "final.json")
    seconds: Counter[str] = Counter()
    if name != "all-labels":
        for path in sorted(folder.glob("rounds/*/round.json")):
            seconds.update(read_json(path)["seconds"])
        seconds.pop("judging", None)
    seconds["last training"] = final["seconds"]["training"]
    mca: dict[str, Any] = {part: said["mca"] for part, said in final["judged"].items()}
    return Cost(name, final["n_labels"], dict(seconds), mca)
