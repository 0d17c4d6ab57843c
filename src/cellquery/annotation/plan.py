"""What is annotated and how, decided once when a project is first served."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cellquery.campaign.records import read_json
from cellquery.core import PATTERNS, SIX_PATTERNS, Progress, ProjectError, SettingsError, silent
from cellquery.core.durable import make_folder, read_table, replacing, write_json, write_table
from cellquery.core.places import local_path
from cellquery.core.validation import settings_fault
from cellquery.data import Project
from cellquery.data.learnt import digests_of
from cellquery.data.selection import Selection, select
from cellquery.storage import Database
from cellquery.storage.owner import claim

if TYPE_CHECKING:
    from cellquery.campaign import Campaign, CampaignSettings

FOLDER = "annotation"
_INITIAL = "initial.safetensors"


class Plan(BaseModel):
    """An annotation campaign of a project.

    Attributes
    ----------
    patterns : tuple of str
        The class list, in the order of the keys.
    split : str or None
    pool, rehearse : tuple of str
        Parts of the split to annotate, and that the initial network has learnt. Without a pool
        all cells that have no pattern when annotation begins are annotated.
    initial : str or None
        The file of the network after initial learning, copied beside the plan when it is made: a
        project is whole wherever it is moved to.
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

        Parameters
        ----------
        project : Project
        **values : object
            Attributes of the plan; ``initial`` names the file to copy.

        Raises
        ------
        SettingsError
            When what is given is out of range or is not what the project was begun with.
        """
        path = plan_path(project)
        given = values.get("initial")
        if path.exists():
            kept = cls(**read_json(path))
            ours = kept.initial_file(project)
            if given is not None and ours is not None and _same(Path(given), ours):
                values["initial"] = kept.initial
            wanted = cls._made(path, {**kept.model_dump(), **values})
            for key in values:
                if getattr(kept, key) != getattr(wanted, key):
                    raise SettingsError(
                        path, f"annotation began with another {key}", f"leave out {key}"
                    )
            kept._keep_pool(project)
            return kept
        if "patterns" in values:
            _check_class_list(values["patterns"], project.patterns)
        if given is not None:
            from cellquery.models import Classifier

            values.setdefault("patterns", Classifier.load(given).patterns)
            values["initial"] = _INITIAL
        values.setdefault("patterns", project.patterns or SIX_PATTERNS)
        plan = cls._made(path, values)
        chosen = plan.cells(project)
        plan.settings().sizes(len(chosen))
        if plan.rehearse:
            shared = {*select(project, plan.split, plan.rehearse).ids} & {*chosen.ids}
            if shared:
                raise SettingsError(
                    "--rehearse",
                    f"{len(shared)} of its cells are to be annotated",
                    "name parts that are not in the pool",
                )
        make_folder(path.parent)
        if given is not None:
            with replacing(path.with_name(_INITIAL)) as file:
                file.write(Path(given).read_bytes())
        write_json(path, plan.model_dump())
        plan._keep_pool(project)
        return plan

    @classmethod
    def _made(cls, path: Path, values: dict[str, Any]) -> Self:
        try:
            return cls(**values)
        except ValidationError as error:
            raise settings_fault(error, cls, path, "see cellquery serve --help") from error

    def settings(self) -> CampaignSettings:
        """Return the settings of the campaign."""
        from cellquery.campaign import CampaignSettings

        return CampaignSettings.read(self.campaign, "campaign settings", self.preset)

    def cells(self, project: Project) -> Selection:
        """Return the cells to annotate, in the order of the manifest.

        Without parts of a split they stay those that annotation began with: whatever the project
        gains or learns meanwhile, the campaign goes on.

        Raises
        ------
        InputError
            When the split has no such part, or there is no cell to annotate.
        """
        if self.pool:
            return select(project, self.split, self.pool, which="all")
        kept = _kept_pool(project)
        if kept is None:
            return select(project, which="unlabelled")
        every = select(project, which="all")
        return every.rows(np.array([each in kept for each in every.ids], dtype=bool))

    def _keep_pool(self, project: Project) -> None:
        path = _pool_path(project)
        if not self.pool and not path.exists():
            write_table(path, {"cell_id": self.cells(project).ids.tolist()})

    def initial_file(self, project: Project) -> Path | None:
        """Return the file of the network after initial learning, if there is one."""
        return None if self.initial is None else plan_path(project).parent / self.initial

    def make(self, project: Project, *, progress: Progress = silent) -> Campaign:
        """Return the campaign, its pool prepared."""
        from cellquery.campaign.project_campaign import campaign_on

        return campaign_on(
            project,
            campaign_folder(project),
            self.settings(),
            self.cells(project),
            self.patterns,
            split=self.split,
            initial=self.initial_file(project),
            rehearse=self.rehearse,
            seed=self.seed,
            about={"oracle": "people"},
            progress=progress,
        )


def _check_class_list(patterns: Sequence[str], project_patterns: Sequence[str]) -> None:
    """Refuse what is most likely a slip: the class list is kept for good."""
    twice = next((name for name in patterns if patterns.count(name) > 1), None)
    if twice:
        raise SettingsError("--pattern", f"'{twice}' is named twice", "name each pattern once")
    if len(patterns) < 2:
        raise SettingsError("--pattern", "one pattern alone", "name two or more")
    known = [*project_patterns, *(pattern.name for pattern in PATTERNS)]
    for name in patterns:
        if name not in known and (meant := get_close_matches(name, known, 1, cutoff=0.85)):
            raise SettingsError("--pattern", f"'{name}' is no pattern", f"write {meant[0]}")


def plan_path(project: Project) -> Path:
    """Return where the plan of a project is kept."""
    return _folder(project) / "plan.json"


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
    return _folder(project) / "campaign"


def open_database(project: Project, url: str | None = None) -> Database:
    """Return the database of a project: the one of a URL, or SQLite inside the project.

    Raises
    ------
    ProjectError
        When it cannot be opened, or holds the labels of another project.
    """
    if url is not None:
        database = Database(url)
    else:
        folder = _folder(project)
        make_folder(folder)
        database = Database.in_file(folder / "labels.sqlite")
    claim(database, digests_of(project))
    return database


def _pool_path(project: Project) -> Path:
    # In the campaign's folder, not beside the plan: whoever begins anew moves that one away.
    return campaign_folder(project) / "pool.parquet"


def _kept_pool(project: Project) -> set[str] | None:
    """Return the ids of the cells that annotation began with, or None before it has."""
    path, rounds = _pool_path(project), campaign_folder(project) / "rounds"
    # Projects served by earlier versions kept it in their rounds alone, each of which names all.
    paths = [path, *rounds.glob("*/standing.parquet"), *rounds.glob("*/pool.parquet")]
    for each in paths:
        if each.exists():
            return set(read_table(each, columns=["cell_id"])["cell_id"].to_pylist())
    return None


def _folder(project: Project) -> Path:
    # Locks and SQLite need a disk.
    return local_path(project.path) / FOLDER


def _same(first: Path, second: Path) -> bool:
    try:
        return first.read_bytes() == second.read_bytes()
    except OSError:
        return False
