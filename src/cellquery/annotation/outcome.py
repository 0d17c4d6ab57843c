"""What a campaign has come to, whoever answered: its cells, their labels, its newest network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from cellquery.annotation.desk import Desk
from cellquery.annotation.plan import FOLDER, plan_path
from cellquery.campaign.delivered import Delivered, delivered
from cellquery.campaign.records import labels_so_far, read_json, round_folder, rounds_done
from cellquery.core import InputError, ProjectError
from cellquery.data import Project


@dataclass(frozen=True)
class Outcome:
    """The cells of a campaign with all that people, or known labels, said of them.

    Attributes
    ----------
    root : Path
        The campaign's folder.
    project : Project or None
        Where the images are.
    desk : Desk or None
        The label history, where people answered.
    ids : list of str
        The pool, in the order of the manifest.
    labels : dict of str to str
        The label of each cell that has one.
    annotators : dict of str to str
        Who read each cell that anyone has read, joined by ``|``; ``known labels`` in a simulated
        campaign.
    standings : dict of str to str
        How each of these cells stands: see `Readings.standing`.
    """

    root: Path
    project: Project | None
    desk: Desk | None
    ids: list[str]
    labels: dict[str, str]
    annotators: dict[str, str]
    standings: dict[str, str]

    def delivered(self) -> Delivered:
        """Return the newest network; before the first round, the initial one.

        Raises
        ------
        ProjectError
            When there is none yet.
        """
        if self.desk is not None and not rounds_done(self.root):
            initial = self.desk.plan.initial_file(self.desk.project)
            if initial is not None:
                return Delivered(initial, "initial", self.desk.plan.settings().training().views)
            if not (self.root / "campaign.json").exists():
                raise ProjectError(
                    self.desk.project.path,
                    "there is no network yet: no round is done",
                    "annotate the cells that the page asks for",
                )
        return delivered(self.root)

    def images(self) -> Project:
        """Return the project that holds every cell of the pool.

        Raises
        ------
        InputError
            When no project is known, or it lacks a cell.
        """
        if self.project is None:
            raise InputError(self.root, "does not say where its images are", "name --project")
        known = set(self.project.store().ids)
        absent = next((cell_id for cell_id in self.ids if cell_id not in known), None)
        if absent is not None:
            raise InputError(
                self.project.path,
                f"has no cell {absent!r} of this campaign",
                "name the project that the campaign was run on",
            )
        return self.project


def outcome(
    where: Path, *, project: Path | None = None, database_url: str | None = None
) -> Outcome:
    """Return what a served project or the folder of a campaign has come to.

    Parameters
    ----------
    where : Path
        A project that is or was served, or a campaign's folder.
    project : Path or None
        The project with the images of a campaign's folder.
    database_url : str or None
        The label history of a served project, where it is not inside it.

    Raises
    ------
    ProjectError
        When it is neither, or nobody annotates the project yet.
    InputError
        When a campaign's folder has no round whose cells are known.
    """
    home = _home(where)
    if home is not None:
        return of_desk(Desk.open(home, database_url))
    kept = read_json(where / "campaign.json")
    done = rounds_done(where)
    if not done:
        raise InputError(where, "no round is done yet", "run the campaign first")
    table = pq.read_table(round_folder(where, len(done) - 1).path / "pool.parquet")
    labels = labels_so_far(where)
    who = "people" if kept["about"].get("oracle") == "people" else "known labels"
    return Outcome(
        where,
        None if project is None else Project.open(project),
        None,
        table["cell_id"].to_pylist(),
        labels,
        dict.fromkeys(labels, who),
        dict.fromkeys(labels, "labelled"),
    )


def of_desk(desk: Desk) -> Outcome:
    """Return what the campaign of a served project has come to."""
    desk.refresh()
    readings = desk.readings
    read = [cell_id for cell_id in readings.read() if cell_id in desk.pool]
    labels = readings.labels()
    return Outcome(
        desk.ranking.root,
        desk.project,
        desk,
        desk.ranking.ids,
        {cell_id: labels[cell_id] for cell_id in read if cell_id in labels},
        {
            cell_id: "|".join(each.annotator for each in readings.of_cell(cell_id))
            for cell_id in read
        },
        {cell_id: readings.standing(cell_id) for cell_id in read},
    )


def network_file(where: Path, *, database_url: str | None = None) -> Delivered:
    """Return where the weights of a network are, and which one it is.

    Parameters
    ----------
    where : Path
        A file of weights, the run directory of a training, a campaign's folder, or a project that
        is or was served.
    database_url : str or None
        The label history of a served project, where it is not inside it.
    """
    if where.is_dir() and (_home(where) is not None or (where / "campaign.json").exists()):
        return outcome(where, database_url=database_url).delivered()
    return Delivered(where / "model.safetensors" if where.is_dir() else where, "", 1)


def _home(where: Path) -> Project | None:
    """Return the served project that a path is, or whose campaign it is."""
    if (where / "project.toml").exists():
        return Project.open(where)
    above = where.resolve().parent
    if above.name == FOLDER and (above.parent / "project.toml").exists():
        project = Project.open(above.parent)
        return project if plan_path(project).exists() else None
    return None
