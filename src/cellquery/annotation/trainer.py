"""Training beside annotation, in a process of its own: rounds begin as soon as they can."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cellquery.annotation.people import People
from cellquery.annotation.plan import FOLDER, Plan, campaign_folder
from cellquery.campaign import Campaign, CampaignBusyError
from cellquery.campaign.engine import State
from cellquery.campaign.records import read_json, rounds_done
from cellquery.core import CellqueryError, Progress, silent
from cellquery.core.durable import write_json
from cellquery.core.places import local_path
from cellquery.data import Project
from cellquery.storage import Annotations, Database, Leases

POLL_S = 0.2
LET_GO_S = 10.0


def follow(
    project: Project,
    plan: Plan,
    database: Database,
    *,
    parent: int | None = None,
    progress: Progress = silent,
) -> None:
    """Train each round when its cells are annotated, until the campaign has ended.

    The state is kept in ``annotation/trainer.json`` for the page. Stopped at any moment and
    called again, it goes on. Given the number of the process that began this one as `parent`, it
    ends with that one.
    """
    with suppress(OSError, AttributeError):
        # Whoever annotates comes first.
        os.nice(10)
    report = _Report(project, progress)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        report("preparing", 0)
        campaign = plan.make(project, progress=report)
        people = People(Annotations(database), Leases(database))
        while _advanced(campaign, people) == "waiting":
            report.says("waiting")
            while not people.refresh():
                time.sleep(POLL_S)
        report.says("done")
    except CellqueryError as error:
        report.says("failed", error=str(error))
        raise


def trainer_state(project: Project) -> dict[str, Any]:
    """Return what the trainer last said: state, task, done, total, error, round."""
    path = _path(project)
    return read_json(path) if path.exists() else {"state": "absent"}


def forget_state(project: Project) -> None:
    """Forget what the trainer last said, before it is started again."""
    _path(project).unlink(missing_ok=True)


def _advanced(campaign: Campaign, people: People) -> State:
    """Advance, once whoever still holds the campaign from before has let go."""
    until = time.monotonic() + LET_GO_S
    while True:
        try:
            return campaign.advance(people)
        except CampaignBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)


def _end_with(parent: int) -> None:
    # A campaign survives being killed at any moment.
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(0)


class _Report:
    """Says what goes on, at most once a second, to the page and to another progress."""

    def __init__(self, project: Project, progress: Progress) -> None:
        self.project, self.progress = project, progress
        self._last, self._said = 0.0, ""

    def __call__(self, task: str, done: int, total: int | None = None) -> None:
        self.progress(task, done, total)
        if time.monotonic() - self._last > 1:
            self._last = time.monotonic()
            self.says("working", task=task, done=done, total=total)

    def says(self, state: str, **more: Any) -> None:
        if state == self._said == "waiting":
            return
        self._said = state
        done = len(rounds_done(campaign_folder(self.project)))
        write_json(_path(self.project), {"state": state, "round": done, **more})


def _path(project: Project) -> Path:
    return local_path(project.path) / FOLDER / "trainer.json"
