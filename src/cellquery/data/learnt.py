"""Which cells a training has learnt, by its run directory: no others measure its network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cellquery.core import InputError
from cellquery.core.durable import read_table
from cellquery.core.places import Place
from cellquery.data.project import Project


def trained_cells(run: Place) -> list[str] | None:
    """Return the ids of the cells that a run was trained and validated on, where it says so.

    Raises
    ------
    InputError
        When it says so in a file that cannot be read.
    """
    rows = cell_rows(run / "training-cells.parquet")
    return None if rows is None else [row["cell_id"] for row in rows]


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
    rehearsed : Path, UPath or None
        Another project, whose labelled cells join in; its cells are known by their files' digests.

    Returns
    -------
    dict of str to list of str
        Ids under "initial" and "rehearsed".
    """
    met = {}
    if initial is not None and (about := initial.parent / "about.json").exists():
        of_this = json.loads(about.read_text(encoding="utf-8")).get("project") == project.path.name
        met["initial"] = (trained_cells(initial.parent) or []) if of_this else []
    if rehearsed is not None:
        manifest = Project.open(rehearsed).manifest()
        labelled = manifest.filter(pc.is_valid(manifest["pattern"]))
        ours = project.manifest()
        met["rehearsed"] = ours.filter(
            pc.is_in(ours["digest"], labelled["digest"].combine_chunks())
        )["cell_id"].to_pylist()
    return met
