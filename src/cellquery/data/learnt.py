"""Which cells a training has learnt, by its run directory: no others measure its network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cellquery.core import InputError
from cellquery.core.durable import read_table
from cellquery.core.places import Place
from cellquery.data.project import Project


@dataclass(frozen=True)
class LearntCells:
    """What a training has learnt.

    An id is one cell's in one project only; the digest of its image file is the same everywhere.

    Attributes
    ----------
    digest_of : mapping of str to str or None
        The digest of each cell's image file by the cell's id, None where the run does not say it.
    """

    digest_of: Mapping[str, str | None]

    @property
    def _named(self) -> set[str]:
        return {cell_id for cell_id, digest in self.digest_of.items() if not digest}

    @property
    def _digests(self) -> set[str]:
        return {digest for digest in self.digest_of.values() if digest}

    def among(self, manifest: pa.Table) -> pa.Table:
        """Return the rows of a manifest whose cells were learnt, by id where no digest is known."""
        by_digest = pc.is_in(manifest["digest"], pa.array(self._digests, pa.string()))
        by_id = pc.is_in(manifest["cell_id"], pa.array(self._named, pa.string()))
        return manifest.filter(pc.or_(by_digest, by_id))

    def all_in(self, manifest: pa.Table) -> bool:
        """Return whether every cell that was learnt is in a manifest."""
        digests, ids = (set(manifest[name].to_pylist()) for name in ("digest", "cell_id"))
        return self._digests <= digests and self._named <= ids


def trained_cells(run: Place) -> LearntCells | None:
    """Return the cells that a run was trained and validated on, where it says so.

    Raises
    ------
    InputError
        When it says so in a file that cannot be read.
    """
    rows = cell_rows(run / "training-cells.parquet")
    if rows is None:
        return None
    return LearntCells({row["cell_id"]: row.get("digest") for row in rows})


def digests_of(project: Project) -> dict[str, str]:
    """Return the digest of the image file of each cell of a project, by its id."""
    manifest = project.manifest()
    columns = (manifest[name].to_pylist() for name in ("cell_id", "digest"))
    return dict(zip(*columns, strict=True))


def cell_rows(path: Place) -> list[dict[str, Any]] | None:
    """Return the rows of a run's table of cells, or None where there is none.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    if not path.exists():
        return None
    try:
        rows: list[dict[str, Any]] = read_table(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        remedy = f"delete {path.parent} and train again"
        raise InputError(path, f"cannot be read ({error})", remedy) from error
    return rows


def labels_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the pattern of each cell of a table of training cells or predictions, by its id.

    Cells that were learnt before a training stand in the same table as its own: they are left out.
    """
    own = (row for row in rows if row.get("use", "train") in ("train", "validation"))
    return {row["cell_id"]: row["pattern"] for row in own}


def met_before(
    project: Project, initial: Place | None, rehearsed: Place | None
) -> dict[str, list[str]]:
    """Return which cells of a project were learnt before a training, or are learnt beside it.

    Parameters
    ----------
    project : Project
        Whose cells are learnt now.
    initial : Path, UPath or None
        Weights to start from; what they have learnt is known where they lie in their run directory.
        Cells whose digest that does not say are known by their ids, if it names this project.
    rehearsed : Path, UPath or None
        Another project, whose labelled cells join in; its cells are known by their files' digests.

    Returns
    -------
    dict of str to list of str
        Ids under "initial" and "rehearsed".
    """
    met = {}
    if initial is not None and (about := initial.parent / "about.json").exists():
        name = json.loads(about.read_text(encoding="utf-8")).get("project")
        of_this = name == project.name
        learnt = trained_cells(initial.parent) or LearntCells({})
        if not of_this:
            learnt = LearntCells({i: digest for i, digest in learnt.digest_of.items() if digest})
        met["initial"] = learnt.among(project.manifest())["cell_id"].to_pylist()
    if rehearsed is not None:
        manifest = Project.open(rehearsed).manifest()
        labelled = manifest.filter(pc.is_valid(manifest["pattern"]))
        ours = project.manifest()
        met["rehearsed"] = ours.filter(
            pc.is_in(ours["digest"], labelled["digest"].combine_chunks())
        )["cell_id"].to_pylist()
    return met
