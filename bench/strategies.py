"""Which query strategy gains on cells of known sera, and which on specimens never seen.

    python -m bench.strategies STUDY.toml PROJECT [CASE] [BUDGET] [INTO]

Runs a case (AL) of a study at one budget (0.1) for all its seeds, with each strategy below, beside
the random case of the same seeds: the same pools, first batches, budgets and networks. Prints MCA
and what each gains on random choice with its 95 % interval over the seeds, or over the folds of
specimens where these differ with the seed. What is finished in INTO (runs) is kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.record import markdown
from cellquery.campaign.records import read_json
from cellquery.campaign.settings import laid_over
from cellquery.data import Project
from cellquery.experiments import read_case_study
from cellquery.experiments.cases import Case, Grounds
from cellquery.experiments.cases_table import gain_in_words

SHARE = {"random_share": 0.3}
WAYS: dict[str, dict[str, Any]] = {
    "margin, 3 in 10 at random (the default)": {"strategy": "margin", "options": SHARE},
    "margin": {"strategy": "margin"},
    "margin, round-robin over specimens": {"strategy": "margin", "options": {"round_robin": True}},
    "margin, at most 2 cells of a specimen": {
        "strategy": "margin",
        "options": {"per_specimen_cap": 2},
    },
    "random, round-robin over specimens": {"strategy": "random", "options": {"round_robin": True}},
    "entropy": {"strategy": "entropy"},
    "badge": {"strategy": "badge"},
    "core-set": {"strategy": "core-set"},
    "typiclust": {"strategy": "typiclust"},
    "max-herding": {"strategy": "max-herding"},
    "cluster-margin": {"strategy": "cluster-margin"},
}


def main(
    file: str, project: str, case: Case = "AL", budget: str = "0.1", into: str = "runs"
) -> None:
    """Run what is missing and print a row for each strategy."""
    study, opened, share = read_case_study(Path(file)), Project.open(project), float(budget)
    root = Path(into) / f"strategies-{study.name}-{case}-{100 * share:g}"
    random: Case = "RS" if case == "AL" else "IN-RS"
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in study.seeds:
        grounds = Grounds.prepare(study, opened, seed)
        first = grounds.learn_first(root, seed) if case == "IN-AL" else None
        plans = {"random": study.settings_of(random, share, len(grounds.pool))}
        for way, values in WAYS.items():
            changed = {"campaign": laid_over(study.campaign, values)}
            plans[way] = study.model_copy(update=changed).settings_of(case, share)
        for way, settings in plans.items():
            folder = root / re.sub("[^a-z0-9]+", "-", way).strip("-") / f"seed-{seed}"
            about = {"study": study.name, "case": case, "way": way}
            # A finished one is only held against what it is asked for.
            grounds.campaign(folder, settings, seed, first, about).advance(grounds.oracle)
            found.setdefault(way, []).append(read_json(folder / "final" / "final.json")["judged"])
            print(seed, way, found[way][-1], file=sys.stderr, flush=True)
    print(table(found, study.seeds, study.folds))


def table(found: dict[str, list[dict[str, Any]]], seeds: Sequence[int], folds: int) -> str:
    """Return a row for each way: MCA and gain on random choice by what was judged."""
    parts = list(found["random"][0])
    head = ["choice", *(each for part in parts for each in (f"{part}: MCA %", "against random"))]
    rows = []
    for way, judged in found.items():
        row = [way]
        for part in parts:
            mca, other = (_mca(each, part) for each in (judged, found["random"]))
            gain = gain_in_words(dict(zip(seeds, mca - other, strict=True)), folds)
            row += [f"{np.mean(mca):.2f}", "" if way == "random" else gain]
        rows.append(row)
    return markdown(head, rows)


def _mca(judged: Sequence[dict[str, Any]], part: str) -> np.ndarray:
    return np.array([100 * each[part]["mca"] for each in judged])


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
