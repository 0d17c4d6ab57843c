"""What is annotated and how, decided once when a project is first served."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellquery.campaign import Campaign, CampaignSettings, Pool
from cellquery.campaign.records import read_json
from cellquery.core import SIX_PATTERNS, InputError, Progress, ProjectError, SettingsError, silent
from cellquery.core.durable import make_folder, write_json
from cellquery.core.validation import settings_fault
from cellquery.data import Project
from cellquery.data.prepare import inputs_for, prepare
from cellquery.data.selection import select
from cellquery.models import Classifier
from cellquery.storage import Database
from cellquery.training import label

FOLDER = "annotation"


class Plan(BaseModel):
    """An annotation campaign of a project.

    Attributes
    ----------
    patterns : tuple of str
        The class list, in the order of the keys.
    split : str or None
    pool, rehearse : tuple of str
        Parts of the split to annotate, and that the initial network has learnt. Without a pool
        all cells without a pattern are annotated.
    initial : str or None
        The file of the network after initial learning.
    campaign : dict
        Settings laid over the preset: see `CampaignSettings`.
    preset : str
    seed : int
    overlap : float
        Share of the cells that two people read independently.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patterns: tuple[str, ...]
    split: str | None = None
    pool: tuple[str, ...] = ()
    rehearse: tuple[str, ...] = ()
    initial: str | None = None
    campaign: dict[str, Any] = {}
    preset: str = "best"
    seed: int = 0
    overlap: float = Field(default=0.0, ge=0, le=1)

    @classmethod
    def of(cls, project: Project, **values: Any) -> Self:
        """Return the plan of a project, made and kept the first time it is asked for.

        Raises
        ------
        SettingsError
            When what is given is out of range or is not what the project was begun with.
        """
        path = plan_path(project)
        if path.exists():
            kept = cls(**read_json(path))
            for key, value in values.items():
                if (
                    getattr(kept, key)
                    != cls.model_validate({**kept.model_dump(), key: value}).model_dump()[key]
                ):
                    raise SettingsError(
                        path, f"annotation began with another {key}", f"leave out {key}"
                    )
            return kept
        values.setdefault("patterns", _patterns(project, values.get("initial")))
        try:
            plan = cls(**values)
        except ValidationError as error:
            raise settings_fault(error, path, "see cellquery serve --help") from error
        plan.settings()
        plan.ids(project)
        make_folder(path.parent)
        write_json(path, plan.model_dump())
        return plan

    def settings(self) -> CampaignSettings:
        """Return the settings of the campaign."""
        return CampaignSettings.read(self.campaign, "campaign settings", self.preset)

    def ids(self, project: Project) -> NDArray[Any]:
        """Return the cells to annotate, in the order of the manifest."""
        if self.pool:
            if self.split is None:
                raise SettingsError("--split", "parts are named without a split", "name the split")
            parts = project.split(self.split)
            missing = [part for part in self.pool if part not in parts]
            if missing:
                raise InputError(
                    self.split, f"has no part '{missing[0]}'", f"choose from {', '.join(parts)}"
                )
            wanted = {cell_id for part in self.pool for cell_id in parts[part]}
            ids = [each for each in project.manifest()["cell_id"].to_pylist() if each in wanted]
        else:
            manifest = project.manifest()
            pairs = zip(
                manifest["cell_id"].to_pylist(), manifest["pattern"].to_pylist(), strict=True
            )
            ids = [cell_id for cell_id, pattern in pairs if pattern is None]
        if not ids:
            raise InputError(
                project.path,
                "every cell has a pattern already",
                "name the cells to annotate anew with --split and --pool",
            )
        return np.array(ids, dtype=object)

    def make(self, project: Project, *, progress: Progress = silent) -> Campaign:
        """Return the campaign, its pool prepared."""
        settings = self.settings()
        classifier = None if self.initial is None else Classifier.load(Path(self.initial))
        inputs = inputs_for(project, settings.training().inputs)
        if classifier is not None:
            inputs = classifier.inputs
        store, ids = project.store(), self.ids(project)
        specimen_of = dict(
            zip(
                *(project.manifest()[name].to_pylist() for name in ("cell_id", "specimen")),
                strict=True,
            )
        )
        rehearsed = None
        if self.rehearse:
            cells = select(project, self.split, self.rehearse)
            prepared = prepare(store, cells.ids, inputs, progress=progress)
            rehearsed = label(prepared, list(cells.patterns), self.patterns)
        specimens = np.array([specimen_of[each] for each in ids.tolist()], dtype=object)
        return Campaign(
            campaign_folder(project),
            Pool(prepare(store, ids, inputs, progress=progress), specimens),
            settings,
            self.patterns,
            inputs,
            self.seed,
            initial=classifier,
            rehearsed=rehearsed,
            about={"oracle": "people"},
            progress=progress,
        )


def plan_path(project: Project) -> Path:
    """Return where the plan of a project is kept."""
    return project.path / FOLDER / "plan.json"


def kept_plan(project: Project) -> Plan:
    """Return the plan of a project that has been served before.

    Raises
    ------
    ProjectError
        When it never was.
    """
    if not plan_path(project).exists():
        raise ProjectError(
            project.path, "nobody annotates it yet", "begin with: cellquery serve PROJECT"
        )
    return Plan(**read_json(plan_path(project)))


def campaign_folder(project: Project) -> Path:
    """Return the folder of a project's annotation campaign."""
    return project.path / FOLDER / "campaign"


def open_database(project: Project, url: str | None = None) -> Database:
    """Return the database of a project: the one of a URL, or SQLite inside the project."""
    if url is not None:
        return Database(url)
    make_folder(project.path / FOLDER)
    return Database.in_file(project.path / FOLDER / "labels.sqlite")


def _patterns(project: Project, initial: str | None) -> tuple[str, ...]:
    if initial is not None:
        return Classifier.load(Path(initial)).patterns
    return project.patterns or SIX_PATTERNS
