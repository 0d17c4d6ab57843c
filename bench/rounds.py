"""Whether rounds go on or start again, and how many epochs they need.

    python bench/rounds.py STUDY.toml PROJECT [BUDGET] [INTO]

Runs the case IN-AL of a study at one budget (0.1) for its first seed, with rounds that go on from
the last round's weights and that start from the initial ones, of 3, 6 and 12 epochs each; settings
of the study's rounds otherwise. Prints processor seconds of the rounds and MCA of the last round's
network and of the delivered one. What is finished in INTO (runs) is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from cellquery.campaign.records import read_json, rounds_done
from cellquery.data import Project
from cellquery.experiments import read_case_study
from cellquery.experiments.cases import Grounds
from cellquery.training.settings import overlaid

EPOCHS = (3, 6, 12)


def main(file: str, project: str, budget: float = 0.1, into: str = "runs") -> None:
    """Run what is missing and print a row for each way."""
    study = read_case_study(Path(file))
    root = Path(into) / f"rounds-{study.name}-{100 * budget:g}"
    seed = study.seeds[0]
    grounds = Grounds.prepare(study, Project.open(project), seed)
    first = grounds.learn_first(root, seed)
    settings = study.settings_of("IN-AL", budget)
    print("| restart | epochs | CPU s of rounds | MCA % of last round | MCA % delivered |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for restart in ("continue", "initial"):
        for epochs in EPOCHS:
            train = overlaid(settings.train, {"max_epochs": epochs})
            changed = settings.model_copy(update={"restart": restart, "train": train})
            folder = root / f"{restart}-{epochs}"
            made = grounds.campaign(folder, changed, seed, first, {"study": study.name})
            made.judge_rounds = True
            made.advance(grounds.oracle)
            rounds = [each.facts() for each in rounds_done(folder)]
            seconds = sum(
                spent
                for each in rounds
                for what, spent in each["cpu_seconds"].items()
                if what != "judging"
            )
            final = read_json(folder / "final" / "final.json")
            judged = [_mca(facts["judged"]) for facts in (rounds[-1], final)]
            print(f"| {restart} | {epochs} | {seconds:.0f} | {' | '.join(judged)} |", flush=True)


def _mca(judged: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(f"{name} {100 * said['mca']:.2f}" for name, said in judged.items())


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:4]), *sys.argv[4:5])
