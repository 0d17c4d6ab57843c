"""Making a split of a project: from its manifest to a saved split and a table of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellquery.core import InputError, SettingsError
from cellquery.data.project import Parts, Project
from cellquery.data.readers.ids import ById
from cellquery.data.readers.tables import open_table
from cellquery.data.splits import (
    UNLABELLED,
    UNNAMED,
    k_folds,
    random_split,
    specimen_folds,
    specimen_split,
)


@dataclass(frozen=True)
class SplitRequest:
    """What is asked of a split.

    Attributes
    ----------
    by : str
        "cell" or "specimen".
    fraction : float
        Share of each pattern that goes to "test".
    folds : int or None
        Number of folds, instead of train and test.
    seed : int
        Zero or more.
    within : str or None
        "SPLIT:PART": divide only the cells of that part.
    table : Path or None
        A table of ids and parts, instead of drawing.
    id_column, part_column : str or None
        The columns of the table.
    """

    by: str = "cell"
    fraction: float = 0.2
    folds: int | None = None
    seed: int = 0
    within: str | None = None
    table: Path | None = None
    id_column: str | None = None
    part_column: str | None = None


@dataclass(frozen=True)
class MadeSplit:
    """A split as saved: its name, its cells per part and pattern, and what the user should know."""

    name: str
    counts: dict[str, dict[str, int]]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class _Cells:
    ids: list[str]
    patterns: list[str | None]
    specimens: list[str | None]


def make_split(project: Project, request: SplitRequest, name: str | None = None) -> MadeSplit:
    """Make a split, save it in the project and return its counts.

    Parameters
    ----------
    project : Project
        The project.
    request : SplitRequest
        What is asked.
    name : str, optional
        The split's name; "cell", "specimen", "cell-5-folds" and the like when not given, after
        the names of split and part that are divided.

    Raises
    ------
    InputError
        When the table names no cell of the project, or one of them twice.
    ProjectError
        When `within` names no split or the project cannot be written.
    SettingsError
        When the request cannot be met, or would replace the split that it divides.
    """
    cells = _cells(project, request.within)
    if request.table is not None:
        parts = _parts_from_table(cells, request.table, request.id_column, request.part_column)
        kind, usual = "table", request.table.stem
    elif request.folds is not None:
        parts = _folds(cells, request.by, request.folds, request.seed)
        kind, usual = "folds", f"{request.by}-{request.folds}-folds"
    else:
        parts = _train_and_test(cells, request.by, request.fraction, request.seed)
        kind, usual = "train and test", request.by
    if request.within is not None:
        whole, _, part = request.within.partition(":")
        name = name or f"{whole}-{part}-{usual}"
        if name == whole:
            raise SettingsError(
                f"--name {name}", "is the split that is divided", "give another name, or none"
            )
    name = name or usual
    project.save_split(name, parts, _about(kind, request))
    return MadeSplit(name, _counts(cells, parts, project.patterns), _notices(cells, parts, request))


def _cells(project: Project, within: str | None) -> _Cells:
    manifest = project.manifest().select(["cell_id", "pattern", "specimen"])
    if within is not None:
        split, _, part = within.partition(":")
        parts = project.split(split)
        if part not in parts:
            raise SettingsError(
                f"--within {within}",
                f"split {split!r} has no part {part!r}",
                f"it has {', '.join(parts)}",
            )
        chosen = set(parts[part])
        manifest = manifest.filter([i in chosen for i in manifest["cell_id"].to_pylist()])
    return _Cells(*(manifest[column].to_pylist() for column in manifest.column_names))


def _train_and_test(cells: _Cells, by: str, fraction: float, seed: int) -> Parts:
    if by == "specimen":
        return specimen_split(
            cells.ids, cells.patterns, cells.specimens, fraction=fraction, seed=seed
        )
    return random_split(cells.ids, cells.patterns, fraction=fraction, seed=seed)


def _folds(cells: _Cells, by: str, k: int, seed: int) -> Parts:
    if by == "specimen":
        return specimen_folds(cells.ids, cells.patterns, cells.specimens, k=k, seed=seed)
    return k_folds(cells.ids, cells.patterns, k=k, seed=seed)


def _parts_from_table(
    cells: _Cells, path: Path, id_column: str | None, part_column: str | None
) -> Parts:
    table = open_table(path)
    columns = {
        "id": table.column("id", id_column),
        "part": table.column("part", part_column),
    }
    for meaning, column in columns.items():
        if column is None:
            raise InputError(
                path,
                f"no column of {meaning}s",
                f"name one of its columns with --{meaning}-column: {', '.join(table.columns)}",
            )
    parts_by_id: ById[str] = ById()
    for origin, row in table.rows():
        cell_id, part = row[str(columns["id"])], row[str(columns["part"])]
        if cell_id is None or part is None:
            continue
        if parts_by_id.get(cell_id) not in (None, part):
            raise InputError(origin, f"cell {cell_id!r} has two parts", "keep one of the two rows")
        parts_by_id.put(cell_id, part)
    members: dict[str, list[str]] = {}
    for cell_id in cells.ids:
        members.setdefault(parts_by_id.find(cell_id) or UNNAMED, []).append(cell_id)
    if set(members) <= {UNNAMED}:
        raise InputError(
            path, "names no cell of the project", "check --id-column against manifest.parquet"
        )
    return {part: np.array(ids, dtype=object) for part, ids in sorted(members.items())}


def _about(kind: str, request: SplitRequest) -> dict[str, str | int | float]:
    if request.table is not None:
        return {"kind": kind, "table": request.table.name}
    about: dict[str, str | int | float] = {"kind": kind, "by": request.by, "seed": request.seed}
    if request.folds is None:
        about["fraction"] = request.fraction
    else:
        about["folds"] = request.folds
    if request.within is not None:
        about["within"] = request.within
    return about


def _counts(cells: _Cells, parts: Parts, class_list: Sequence[str]) -> dict[str, dict[str, int]]:
    pattern_of = dict(zip(cells.ids, cells.patterns, strict=True))
    tallies = {part: Counter(pattern_of[i] for i in ids) for part, ids in parts.items()}
    present = [p for p in (*class_list, None) if any(tally[p] for tally in tallies.values())]
    return {
        part: {pattern or UNLABELLED: tally[pattern] for pattern in present}
        for part, tally in tallies.items()
    }


def _notices(cells: _Cells, parts: Parts, request: SplitRequest) -> tuple[str, ...]:
    labelled = [s for p, s in zip(cells.patterns, cells.specimens, strict=True) if p is not None]
    unknown = sum(specimen is None for specimen in labelled)
    notices = []
    if unknown and request.by == "specimen":
        notices.append(
            f"{unknown} labelled cells of unknown specimen are in the part 'specimen-unknown', "
            "since they could belong to any"
        )
    elif unknown:
        notices.append(
            f"the specimen of {unknown} labelled cells is not known: cells of one serum may be in "
            "several parts, and results promise too much; try cellquery audit"
        )
    elif labelled and request.by == "cell" and request.table is None:
        notices.append(
            "cells of one specimen are in several parts: this split says little about sera never "
            "seen; --by specimen does"
        )
    if request.by == "specimen" and request.table is None:
        notices += _absent(cells, parts)
    return tuple(notices)


def _absent(cells: _Cells, parts: Parts) -> list[str]:
    pattern_of = dict(zip(cells.ids, cells.patterns, strict=True))
    everywhere = set(cells.patterns) - {None}
    drawn = {part: ids for part, ids in parts.items() if part.startswith(("train", "test", "fold"))}
    return [
        f"no {pattern} cell in part {part!r}: the pattern has too few specimens"
        for part, ids in drawn.items()
        for pattern in sorted(everywhere - {pattern_of[i] for i in ids}, key=str)
    ]
