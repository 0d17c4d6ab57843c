"""Which labelled cells of a project a training or an evaluation is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import InputError
from cellquery.data.project import Project


@dataclass(frozen=True)
class Selection:
    """Labelled cells, in the order of the manifest.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    patterns : ndarray of str, shape (cells,)
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
) -> Selection:
    """Return the labelled cells of parts of a split, or of the whole project.

    Parameters
    ----------
    project : Project
    split : str or None
        None takes every labelled cell.
    parts : sequence of str
        Parts of the split to take; empty takes all.
    leave_out : sequence of str
        Parts of the split not to take.

    Raises
    ------
    InputError
        When the split has no such part, or no cell of it has a label.
    """
    manifest = project.manifest()
    ids, patterns, specimens = (
        np.array(manifest[name].to_pylist(), dtype=object)
        for name in ("cell_id", "pattern", "specimen")
    )
    taken = np.array([pattern is not None for pattern in patterns], dtype=bool)
    where = f"project {project.path}"
    if split is not None:
        where = f"split '{split}'"
        members = project.split(split)
        for part in (*parts, *leave_out):
            if part not in members:
                raise InputError(
                    where, f"has no part '{part}'", f"choose from {', '.join(members)}"
                )
        wanted = {
            cell_id
            for part in (parts or members)
            if part not in leave_out
            for cell_id in members[part]
        }
        taken &= np.array([cell_id in wanted for cell_id in ids], dtype=bool)
    if not taken.any():
        raise InputError(where, "none of these cells has a label", "label some, or choose others")
    return Selection(ids, patterns, specimens).rows(taken)
