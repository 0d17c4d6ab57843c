"""What is annotated and how, decided once when a project is first served."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellquery.campaign import Campaign, CampaignSettings
from cellquery.campaign.project_campaign import campaign_on
from cellquery.campaign.records import read_json
from cellquery.core import SIX_PATTERNS, Progress, ProjectError, SettingsError, silent
from cellquery.core.durable import make_folder, write_json
from cellquery.core.validation import settings_fault
from cellquery.data import Project
from cellquery.data.selection import Selection, select
from cellquery.models import Classifier
from cellquery.storage import Database

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
        plan.cells(project)
        make_folder(path.parent)
        write_json(path, plan.model_dump())
        return plan

    def settings(self) -> CampaignSettings:
        """Return the settings of the campaign."""
        return CampaignSettings.read(self.campaign, "campaign settings", self.preset)

    def cells(self, project: Project) -> Selection:
        """Return the cells to annotate, in the order of the manifest.

        Raises
        ------
        InputError
            When the split has no such part, or there is no cell to annotate.
        """
        if not self.pool:
            return select(project, which="unlabelled")
        if self.split is None:
            raise SettingsError("--split", "parts are named without a split", "name the split")
        return select(project, self.split, self.pool, which="all")

    def make(self, project: Project, *, progress: Progress = silent) -> Campaign:
        """Return the campaign, its pool prepared."""
        return campaign_on(
            project,
            campaign_folder(project),
            self.settings(),
            self.cells(project),
            self.patterns,
            split=self.split,
            initial=None if self.initial is None else Path(self.initial),
            rehearse=self.rehearse,
            seed=self.seed,
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
