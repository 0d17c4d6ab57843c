"""Which labelled cells of a project a training or an evaluation is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cellquery.core import InputError, SettingsError
from cellquery.data.project import Project
from cellquery.data.splits import LEFT_OVER


@dataclass(frozen=True)
class Selection:
    """Cells, in the order of the manifest.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    patterns : ndarray of str, shape (cells,)
        None where unlabelled cells are selected.
    specimens : ndarray of str or None, shape (cells,)
    """

    ids: NDArray[Any]
    patterns: NDArray[Any]
    specimens: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: NDArray[Any]) -> Selection:
        """Return the cells at these rows, or where a mask is true."""
        return Selection(self.ids[rows], self.patterns[rows], self.specimens[rows])


def select(
    project: Project,
    split: str | None = None,
    parts: Sequence[str] = (),
    *,
    leave_out: Sequence[str] = (),
    which: Literal["labelled", "unlabelled", "all"] = "labelled",
) -> Selection:
    """Return the labelled cells of parts of a split, or of the whole project.

    Parameters
    ----------
    project : Project
    split : str or None
        None takes every cell of the project.
    parts : sequence of str
        Parts of the split to take; empty takes all.
    leave_out : sequence of str
        Parts of the split not to take. Without ``parts``, labelled cells that the split could not
        place are not taken either: they may be of a specimen that is left out.
    which : {"labelled", "unlabelled", "all"}

    Raises
    ------
    SettingsError
        When parts are named without a split.
    InputError
        When the split has no such part, or no cell of it is of this kind.
    """
    if split is None and (parts or leave_out):
        raise SettingsError("--split", "parts are named without a split", "name the split")
    manifest = project.manifest()
    ids, patterns, specimens = (
        np.array(manifest[name].to_pylist(), dtype=object)
        for name in ("cell_id", "pattern", "specimen")
    )
    has_label = np.array([pattern is not None for pattern in patterns], dtype=bool)
    taken = {"labelled": has_label, "unlabelled": ~has_label}.get(which, np.ones_like(has_label))
    where = f"project {project.path}"
    if split is not None:
        where = f"split '{split}'"
        members = project.split(split)
        for part in (*parts, *leave_out):
            if part not in members:
                raise InputError(
                    where, f"has no part '{part}'", f"choose from {', '.join(members)}"
                )
        out = {*leave_out}
        if leave_out and not parts and which == "labelled":
            out.update(LEFT_OVER)
        wanted = {
            cell_id for part in (parts or members) if part not in out for cell_id in members[part]
        }
        taken &= np.array([cell_id in wanted for cell_id in ids], dtype=bool)
    if not taken.any():
        fault, remedy = {
            "labelled": ("none of these cells has a label", "label some, or choose others"),
            "unlabelled": (
                "every cell has a pattern already",
                "name the cells to annotate anew with --split and --pool",
            ),
            "all": ("has no cell there", "choose others"),
        }[which]
        raise InputError(where, fault, remedy)
    return Selection(ids, patterns, specimens).rows(taken)
