"""What a campaign keeps on disk; every file is either whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.acquisition import Query
from cellquery.acquisition.margin import margin_utility
from cellquery.core import ProjectError
from cellquery.core.durable import write_json, write_table

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Answers:
    """What the oracle said of a round's cells, in the order of the ids.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    patterns : ndarray of str or None, shape (cells,)
        None for a cell that could not be labelled.
    """

    ids: NDArray[Any]
    patterns: NDArray[Any]

    @property
    def labelled(self) -> dict[str, str]:
        """The pattern of each cell that has one, by id."""
        pairs = zip(self.ids.tolist(), self.patterns.tolist(), strict=True)
        return {cell_id: pattern for cell_id, pattern in pairs if pattern is not None}

    def but(self, ids: Container[str]) -> Answers:
        """Return the answers for all cells but some."""
        rows = [row for row, cell_id in enumerate(self.ids.tolist()) if cell_id not in ids]
        return Answers(self.ids[rows], self.patterns[rows])

    def corrected(self, changed: Mapping[str, str | None]) -> Answers:
        """Return the answers with some of them changed."""
        pairs = zip(self.ids.tolist(), self.patterns.tolist(), strict=True)
        patterns = [changed.get(cell_id, pattern) for cell_id, pattern in pairs]
        return Answers(self.ids, np.array(patterns, dtype=object))


@dataclass(frozen=True)
class RoundFolder:
    """The files of one round, in the order in which they are written.

    ``query.parquet`` (cell_id, rank, utility, chosen_by), ``standing.parquet`` where cells may be
    answered ahead, ``corrections.parquet`` where answers of earlier rounds were changed since,
    ``labels.parquet`` (both cell_id, pattern), ``model.safetensors`` with ``epochs.jsonl``,
    ``pool.parquet`` (see `keep_scores`) and last, which makes the round done, ``round.json``.
    """

    path: Path

    @property
    def model(self) -> Path:
        """The file of the round's network."""
        return self.path / "model.safetensors"

    @property
    def done(self) -> bool:
        """Whether the round is complete."""
        return (self.path / "round.json").exists()

    def query(self) -> Query | None:
        """Return what was chosen, or None before that."""
        return _read_once(_query_in, self.path / "query.parquet")

    def keep_query(self, query: Query) -> None:
        """Write what was chosen."""
        columns = {
            "cell_id": pa.array(query.ids.tolist(), pa.string()),
            "rank": np.arange(len(query)),
            "utility": query.utilities,
            "chosen_by": query.chosen_by,
        }
        write_table(self.path / "query.parquet", columns)

    @property
    def standing(self) -> Path:
        """The file of what may be answered ahead, in order: cell_id, chosen_by, group."""
        return self.path / "standing.parquet"

    def answers(self) -> Answers | None:
        """Return what the oracle said, or None before that."""
        return read_answers(self.path / "labels.parquet")

    def keep_answers(self, ids: Sequence[str], answers: Mapping[str, str | None]) -> None:
        """Write what the oracle said."""
        keep_answers(self.path / "labels.parquet", ids, answers)

    def corrections(self) -> dict[str, str | None]:
        """Return the answers of earlier rounds that were changed before this one was learnt."""
        return read_corrections(self.path)

    def keep_corrections(self, changed: Mapping[str, str | None]) -> None:
        """Write the answers that were changed, where there are any."""
        path = self.path / "corrections.parquet"
        if changed:
            keep_answers(path, list(changed), changed)
        else:
            path.unlink(missing_ok=True)

    def predicted(self) -> NDArray[Any]:
        """Return the predicted pattern of every cell of the pool, in its order."""
        table = _table(self.path / "pool.parquet")
        assert table is not None
        return np.array(table["predicted"].to_pylist(), dtype=object)

    def unlabelled(self) -> dict[str, str]:
        """Return the predicted pattern of each cell that had no label yet, by id."""
        table = _table(self.path / "pool.parquet")
        assert table is not None
        columns = (table[name].to_pylist() for name in ("cell_id", "predicted", "labelled"))
        return {cell_id: said for cell_id, said, known in zip(*columns, strict=True) if not known}

    def facts(self) -> dict[str, Any]:
        """Return ``round.json``."""
        return read_json(self.path / "round.json")

    def keep_facts(self, facts: Mapping[str, Any]) -> None:
        """Write ``round.json``: the round is then complete."""
        write_json(self.path / "round.json", facts)


def round_folder(root: Path, number: int) -> RoundFolder:
    """Return the folder of a round; the first is round 0."""
    return RoundFolder(root / "rounds" / f"{number:03}")


def rounds_done(root: Path) -> list[RoundFolder]:
    """Return the complete rounds, in order."""
    folders: list[RoundFolder] = []
    while (folder := round_folder(root, len(folders))).done:
        folders.append(folder)
    return folders


def labels_so_far(root: Path) -> dict[str, str]:
    """Return the label of every cell that a campaign's done rounds or its audit have, as corrected.

    Where the audit and a round both have a cell, the round's answer is the newer one.
    """
    folders = rounds_done(root)
    changed = corrections_of(folders) | read_corrections(root / "final")
    found = [read_answers(root / "audit.parquet"), *(folder.answers() for folder in folders)]
    said: dict[str, str | None] = {}
    for answers in found:
        if answers is not None:
            said.update(zip(answers.ids.tolist(), answers.patterns.tolist(), strict=True))
    said.update(changed)
    return {cell_id: pattern for cell_id, pattern in said.items() if pattern is not None}


def corrections_of(rounds: Iterable[RoundFolder]) -> dict[str, str | None]:
    """Return the answers that rounds changed; the last change of one counts."""
    changed: dict[str, str | None] = {}
    for folder in rounds:
        changed.update(folder.corrections())
    return changed


def read_answers(path: Path) -> Answers | None:
    """Return answers kept in a file, or None where there is none."""
    return _read_once(_answers_in, path)


def _read_once(read: Callable[..., _Read | None], path: Path) -> _Read | None:
    """Return what a file holds, read again only if written again: each round asks for all."""
    try:
        kept = path.stat()
    except FileNotFoundError:
        return None
    return read(path, kept.st_ino, kept.st_mtime_ns, kept.st_size)


@lru_cache(maxsize=4096)
def _query_in(path: Path, *written: int) -> Query | None:
    table = _table(path)
    if table is None:
        return None
    ids, chosen_by = np.array(table["cell_id"].to_pylist(), dtype=object), None
    # Campaigns of earlier versions did not keep it.
    if "chosen_by" in table.column_names:
        chosen_by = np.array(table["chosen_by"].to_pylist(), dtype=object)
    return Query(ids, table["utility"].to_numpy().astype(np.float64), chosen_by)


@lru_cache(maxsize=4096)
def _answers_in(path: Path, *written: int) -> Answers | None:
    table = _table(path)
    if table is None:
        return None
    ids, patterns = (
        np.array(table[name].to_pylist(), dtype=object) for name in ("cell_id", "pattern")
    )
    return Answers(ids, patterns)


def keep_answers(path: Path, ids: Sequence[str], answers: Mapping[str, str | None]) -> None:
    """Write answers for these cells."""
    columns = {
        "cell_id": pa.array(list(ids), pa.string()),
        "pattern": pa.array([answers[cell_id] for cell_id in ids], pa.string()),
    }
    write_table(path, columns)


def keep_scores(
    path: Path,
    ids: Sequence[str],
    labelled: Container[str],
    probabilities: NDArray[np.float32],
    patterns: Sequence[str],
) -> None:
    """Write what a network says of the pool, and which cells it has learnt.

    Columns: cell_id, labelled, predicted, probability and margin of the prediction, and
    probabilities in the order of the class list.
    """
    flat = pa.array(np.ascontiguousarray(probabilities, dtype=np.float32).ravel())
    write_table(
        path,
        {
            "cell_id": list(ids),
            "labelled": [cell_id in labelled for cell_id in ids],
            "predicted": [patterns[index] for index in probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1),
            "margin": 1 - margin_utility(probabilities),
            "probabilities": pa.FixedSizeListArray.from_arrays(flat, len(patterns)),
        },
    )


def read_corrections(folder: Path) -> dict[str, str | None]:
    """Return the changed answers kept in a folder."""
    kept = read_answers(folder / "corrections.parquet")
    return dict(zip(kept.ids.tolist(), kept.patterns.tolist(), strict=True)) if kept else {}


def read_json(path: Path) -> dict[str, Any]:
    """Return the values of a JSON file.

    Raises
    ------
    ProjectError
        When the file is missing or damaged.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(path, "no such file", "give the folder of a campaign") from error
    except ValueError as error:
        raise ProjectError(path, f"is damaged ({error})", "restore it from a backup") from error
    return values


def _table(path: Path) -> pa.Table | None:
    if not path.exists():
        return None
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ProjectError(path, f"is damaged ({error})", "restore it from a backup") from error
