"""What a split shares between its parts: specimens, and cells that are in the project twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellquery.data.audit.duplicates import DuplicateGroup
from cellquery.data.audit.findings import SHOWN_CELLS
from cellquery.data.audit.measurements import Measurements
from cellquery.data.splits import LEFT_OVER


@dataclass(frozen=True)
class SplitCheck:
    """One split, and what crosses it.

    Attributes
    ----------
    name : str
        The split's name.
    about : mapping
        How it was made.
    sizes : dict of str to int
        Cells of each part.
    n_specimens : int
        Known specimens of its cells.
    shared_specimens : tuple of str
        Those with cells in more than one part.
    share_of_cells : float or None
        Of the cells of known specimen, the share whose specimen is in another part too; None
        where no specimen is known.
    unknown : tuple of str
        Cells of unknown specimen.
    exact, near : tuple of DuplicateGroup
        The duplicates with members in more than one part; `near` is None where they were not
        looked for.
    missing : dict of str to tuple of str
        For each part that lacks some of the split's patterns, those patterns.
    """

    name: str
    about: Mapping[str, str | int | float]
    sizes: dict[str, int]
    n_specimens: int
    shared_specimens: tuple[str, ...]
    share_of_cells: float | None
    unknown: tuple[str, ...]
    exact: tuple[DuplicateGroup, ...]
    near: tuple[DuplicateGroup, ...] | None
    missing: dict[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return the check as an entry of ``splits`` of ``audit.json``."""
        share = self.share_of_cells
        return {
            "name": self.name,
            "about": dict(self.about),
            "parts": self.sizes,
            "n_specimens": self.n_specimens,
            "n_shared_specimens": len(self.shared_specimens),
            "shared_specimens": list(self.shared_specimens[:SHOWN_CELLS]),
            "share_of_cells_in_shared_specimens": None if share is None else round(share, 4),
            "n_cells_of_unknown_specimen": len(self.unknown),
            "n_exact_duplicates_across": len(self.exact),
            "n_near_duplicates_across": None if self.near is None else len(self.near),
            "missing_patterns": {part: list(missing) for part, missing in self.missing.items()},
        }


def check_split(
    name: str,
    parts: Mapping[str, np.ndarray],
    about: Mapping[str, str | int | float],
    cells: Measurements,
    exact: Sequence[DuplicateGroup],
    near: Sequence[DuplicateGroup] | None,
) -> SplitCheck:
    """Return what a split shares between its parts.

    The parts that take up the rest (no pattern, no specimen, not in a table of parts) are passed
    over: nobody trains or tests on them.
    """
    used = {part: ids for part, ids in parts.items() if part not in LEFT_OVER}
    part_of = {str(cell_id): part for part, ids in used.items() for cell_id in ids}
    parts_of: dict[str, set[str]] = defaultdict(set)
    patterns_in: dict[str, set[str]] = {part: set() for part in used}
    cells_of: dict[str, int] = defaultdict(int)
    unknown = []
    for cell_id, part in part_of.items():
        row = cells.row_of.get(cell_id)
        if row is None:
            continue
        specimen, pattern = cells.specimens[row], cells.patterns[row]
        if pattern is not None:
            patterns_in[part].add(pattern)
        if specimen is None:
            unknown.append(cell_id)
        else:
            parts_of[specimen].add(part)
            cells_of[specimen] += 1
    shared = [specimen for specimen, found in parts_of.items() if len(found) > 1]
    known = sum(cells_of.values())
    everywhere = set().union(*patterns_in.values())
    return SplitCheck(
        name=name,
        about=about,
        sizes={part: len(ids) for part, ids in parts.items()},
        n_specimens=len(parts_of),
        shared_specimens=tuple(shared),
        share_of_cells=sum(cells_of[specimen] for specimen in shared) / known if known else None,
        unknown=tuple(unknown),
        exact=_across(exact, part_of),
        near=None if near is None else _across(near, part_of),
        missing={
            part: tuple(sorted(everywhere - found))
            for part, found in patterns_in.items()
            if everywhere - found
        },
    )


def _across(
    groups: Sequence[DuplicateGroup], part_of: Mapping[str, str]
) -> tuple[DuplicateGroup, ...]:
    return tuple(
        group for group in groups if len({part_of[c] for c in group.cells if c in part_of}) > 1
    )
