"""What a training left in its run directory, read back for reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cellquery.core import InputError
from cellquery.core.durable import read_table
from cellquery.core.places import Place, path_or_url
from cellquery.data.learnt import LearntCells, trained_cells

_AGAIN = "run cellquery evaluate again"


@dataclass(frozen=True)
class PredictedCells:
    """The table of predictions, column by column.

    Attributes
    ----------
    name : str
        The NAME of ``predictions-NAME.parquet``.
    ids : ndarray of str, shape (cells,)
    true : ndarray of str or None, shape (cells,)
    specimens : ndarray of str or None, shape (cells,)
    predicted : ndarray of str, shape (cells,)
    probability : ndarray of float, shape (cells,)
        Of the predicted pattern, 0 to 1.
    patterns : tuple of str
        The class list, in the order of the columns of `probabilities`.
    probabilities : ndarray of float, shape (cells, patterns)
    """

    name: str
    ids: NDArray[Any]
    true: NDArray[Any]
    specimens: NDArray[Any]
    predicted: NDArray[Any]
    probability: NDArray[np.float64]
    patterns: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class EvaluationRecord:
    """One ``evaluation-NAME.json`` with the predictions that it judges."""

    name: str
    values: dict[str, Any]
    cells: PredictedCells

    @property
    def patterns(self) -> tuple[str, ...]:
        """The class list."""
        return tuple(self.values["patterns"])

    @property
    def project(self) -> str | None:
        """The name of the project with the judged cells, where it is said."""
        return self.values.get("project") or None

    @property
    def n_in_training(self) -> int | None:
        """How many of the judged cells were in the training, where they were compared."""
        return self.values.get("n_in_training")

    def interval(self, figure: str) -> tuple[float, float] | None:
        """Return the interval of ``aca``, ``mca``, ``ece`` or ``recall:<pattern>``, if known."""
        bounds = self.values["intervals"].get(figure)
        return None if bounds is None else (float(bounds[0]), float(bounds[1]))

    @property
    def recall_intervals(self) -> dict[str, tuple[float, float]]:
        """The interval of each pattern's recall, where known."""
        return {
            pattern: bounds
            for pattern in self.patterns
            if (bounds := self.interval(f"recall:{pattern}")) is not None
        }

    @cached_property
    def n_specimens_of(self) -> dict[str, int]:
        """The number of known specimens of each true pattern."""
        pairs = set(zip(self.cells.specimens, self.cells.true, strict=True))
        return {
            pattern: sum(true == pattern and specimen is not None for specimen, true in pairs)
            for pattern in self.patterns
        }

    @property
    def n_cells_of(self) -> dict[str, int]:
        """The number of true cells of each pattern."""
        totals = (sum(row) for row in self.values["confusion"])
        return dict(zip(self.patterns, totals, strict=True))


@dataclass(frozen=True)
class TrainingRun:
    """A run directory.

    Make one with `read_run`. Evaluations and predictions are read when they are first asked for.
    """

    path: Place
    settings: dict[str, Any]
    about: dict[str, Any]
    epochs: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @cached_property
    def trained(self) -> LearntCells | None:
        """The cells it was trained and validated on, where it says so."""
        return trained_cells(self.path)

    @cached_property
    def evaluations(self) -> tuple[EvaluationRecord, ...]:
        """Every evaluation of the run, sorted by name."""
        return tuple(self.evaluation(name) for name in _names(self.path, "evaluation-", ".json"))

    @cached_property
    def unjudged(self) -> tuple[PredictedCells, ...]:
        """Every table of predictions without an evaluation, sorted by name."""
        judged = {record.name for record in self.evaluations}
        return tuple(
            read_predictions(self.path / f"predictions-{name}.parquet", name)
            for name in _names(self.path, "predictions-", ".parquet")
            if name not in judged
        )

    def evaluation(self, name: str) -> EvaluationRecord:
        """Return one evaluation.

        Raises
        ------
        InputError
            When its file or the file of its predictions is missing or damaged.
        """
        path = self.path / f"evaluation-{name}.json"
        values = _json(path, _AGAIN)
        wanted = ("aca", "mca", "ece", "recall", "confusion", "patterns", "reliability")
        for key in (*wanted, "intervals", "interval_unit", "n_cells"):
            if key not in values:
                raise InputError(path, f"has no '{key}'", _AGAIN)
        cells = read_predictions(self.path / f"predictions-{name}.parquet", name)
        return EvaluationRecord(name, values, cells)


def read_run(path: str | Place) -> TrainingRun:
    """Return what a training left in its run directory.

    Raises
    ------
    InputError
        Naming the file that is missing or damaged.
    """
    path = path_or_url(path)
    if not path.is_dir():
        raise InputError(path, "no such run directory", "give the directory of a cellquery train")
    finish = "finish cellquery train first"
    settings, about = (_json(path / name, finish) for name in ("settings.json", "about.json"))
    epochs = read_epochs(path / "epochs.jsonl", finish)
    return TrainingRun(path, settings, about, epochs)


def read_epochs(path: Place, remedy: str) -> list[dict[str, Any]]:
    """Return the lines of ``epochs.jsonl``, or raise InputError."""
    lines = _text(path, remedy).splitlines()
    try:
        epochs = [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise InputError(path, f"a line is not JSON ({error})", "train again") from error
    if not epochs:
        raise InputError(path, "holds no epoch", remedy)
    return epochs


def read_predictions(path: Place, name: str) -> PredictedCells:
    """Return a table of predictions; the true pattern and the specimen may be absent or null.

    Raises
    ------
    InputError
        When the file is missing, damaged or lacks a column.
    """
    try:
        table = read_table(path)
    except FileNotFoundError as error:
        raise InputError(path, "no such file", _AGAIN) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(path, f"cannot be read ({error})", _AGAIN) from error
    for column in ("cell_id", "predicted", "probability"):
        if column not in table.column_names:
            raise InputError(path, f"has no column '{column}'", _AGAIN)
    columns = [column for column in table.column_names if column.startswith("p_")]

    def words(column: str) -> NDArray[Any]:
        if column not in table.column_names:
            return np.full(table.num_rows, None, dtype=object)
        return np.array(table[column].to_pylist(), dtype=object)

    return PredictedCells(
        name,
        ids=words("cell_id"),
        true=words("pattern"),
        specimens=words("specimen"),
        predicted=words("predicted"),
        probability=table["probability"].to_numpy().astype(float),
        patterns=tuple(column.removeprefix("p_") for column in columns),
        probabilities=np.array([table[column].to_numpy() for column in columns], float).T,
    )


def _names(folder: Place, head: str, tail: str) -> list[str]:
    found = (path.name for path in folder.glob(f"{head}*{tail}"))
    return sorted(name.removeprefix(head).removesuffix(tail) for name in found)


def _text(path: Place, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(path, "no such file", remedy) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", remedy) from error


def _json(path: Place, remedy: str) -> dict[str, Any]:
    try:
        values = json.loads(_text(path, remedy))
    except ValueError as error:
        raise InputError(path, f"not valid JSON ({error})", remedy) from error
    if not isinstance(values, dict):
        raise InputError(path, "holds no JSON object", remedy)
    return values
