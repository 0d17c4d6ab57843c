"""A project whose annotation by three people has come to its end, small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cellquery.annotation import Desk, People, Plan, open_database
from cellquery.data import Project
from cellquery.models import Classifier
from cellquery.storage import Account, Accounts, NewAnnotation
from cellquery.training import TrainSettings

ANA, BEN = Account("ana", "annotator"), Account("ben", "annotator")
RITA = Account("rita", "reviewer")
TINY: dict[str, Any] = {"inputs": {"side_px": 16}, "max_epochs": 1, "rehearsal": 0.0}
CAMPAIGN: dict[str, Any] = {
    "budget": 24,
    "first": 8,
    "per_round": 6,
    "audit_cells": 4,
    "train": TINY,
    "final": {**TINY, "max_epochs": 2, "min_steps": 0},
}


def annotate(project: Project) -> None:
    """Let people answer a campaign until its budget is spent.

    Ana reads every cell, and rightly but for every fifth; Ben reads some of them again; Rita
    settles what they disagree on. One cell is skipped, one reading taken back.
    """
    known = project.manifest()
    truth = dict(zip(known["cell_id"].to_pylist(), known["pattern"].to_pylist(), strict=True))
    inputs = TrainSettings.read(TINY, "test", "best").inputs
    initial = project.path / "initial.safetensors"
    Classifier.fresh(project.patterns, inputs, seed=0).save(initial)
    plan = Plan.of(
        project,
        split="random",
        pool=("train",),
        campaign=CAMPAIGN,
        initial=str(initial),
        overlap=0.4,
    )
    # As when a project is moved: what is needed lies within its annotation.
    initial.unlink()
    database = open_database(project)
    for each in (ANA, BEN, RITA):
        Accounts(database).add(each.name, each.role)
    desk = Desk(project, plan, database)
    campaign, people, n_read = plan.make(project), People(desk.history, desk.leases), 0
    while campaign.advance(people) == "waiting":
        for turn in desk.next(ANA, 6):
            n_read += 1
            cell_id = turn.cell.cell_id
            wrong = n_read % 5 == 0
            said = project.patterns[0] if wrong else truth[cell_id]
            kind: Any = "skip" if n_read == 7 else "label"
            _say(desk, ANA, cell_id, None if kind == "skip" else said, kind, seconds=2.0 + n_read)
        for who, place in ((BEN, 1), (RITA, 2)):
            for turn in desk.next(who, 20):
                if turn.place == place:
                    settles = who is RITA
                    _say(desk, who, turn.cell.cell_id, truth[turn.cell.cell_id], settles=settles)
                else:
                    desk.leases.give_back(who.name, [turn.cell.cell_id])
        if n_read == 6:
            desk.undo(ANA, "once")
    database.close()


def _say(
    desk: Desk, who: Account, cell_id: str, pattern: str | None, kind: Any = "label", **more: Any
) -> None:
    values = {"seconds": 3.0, "keystrokes": 1, **more}
    key = f"{who.name}:{cell_id}:{len(desk.history.of_cell(cell_id))}"
    desk.accept(who, [NewAnnotation(key, cell_id, who.name, kind, pattern, **values)])


def annotated_copy(of: Path, into: Path) -> Project:
    """Return a copy of an annotated project, moved elsewhere."""
    import shutil

    return Project.open(shutil.copytree(of, into))
