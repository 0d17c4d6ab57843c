"""Judge a classifier on labelled cells and keep the judgement beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.core import RESEARCH_USE_ONLY, Progress, generator, silent
from cellquery.core.durable import replacing, write_json, write_table
from cellquery.core.places import Place
from cellquery.data.prepare import PreparedCells
from cellquery.metrics import Evaluation, evaluate
from cellquery.models import Classifier
from cellquery.training.cells import label
from cellquery.training.device import torch_device
from cellquery.training.predict import Predictions, predict

KEPT_EMBEDDINGS = 2000


def evaluate_cells(
    classifier: Classifier,
    cells: PreparedCells,
    names: Sequence[str],
    *,
    specimens: Sequence[str | None] | None = None,
    views: int = 1,
    accelerator: str = "auto",
    progress: Progress = silent,
) -> tuple[Evaluation, Predictions]:
    """Return the evaluation of a classifier on labelled cells, and its predictions for them.

    Parameters
    ----------
    classifier : Classifier
    cells : PreparedCells
        Prepared with the classifier's input settings.
    names : sequence of str, shape (cells,)
        The true pattern of each cell, among the classifier's.
    specimens : sequence of str or None, shape (cells,), optional
    views : {1, 8}
    accelerator : {"auto", "cpu", "cuda"}
    progress : Progress

    Raises
    ------
    TrainingError
        When a pattern is not one of the classifier's.
    """
    label(cells, names, classifier.patterns)  # a fault is told before the work
    device = torch_device(accelerator)
    predictions = predict(classifier, cells, views=views, device=device, progress=progress)
    return judged(predictions, names, specimens), predictions


def judged(
    predictions: Predictions,
    names: Sequence[str],
    specimens: Sequence[str | None] | None = None,
) -> Evaluation:
    """Return the evaluation of predictions; ``names`` are the true patterns, among theirs."""
    number = {pattern: i for i, pattern in enumerate(predictions.patterns)}
    true = np.array([number[name] for name in names], dtype=np.int64)
    return evaluate(true, predictions.probabilities, predictions.patterns, specimens=specimens)


def write_evaluation(
    run: Place,
    name: str,
    evaluation: Evaluation,
    predictions: Predictions,
    names: Sequence[str],
    specimens: Sequence[str | None] | None = None,
    about: dict[str, Any] | None = None,
) -> Place:
    """Write ``evaluation-NAME.json`` and ``predictions-NAME.parquet``; return the first."""
    path = run / f"evaluation-{name}.json"
    table = predictions_table(predictions, names, specimens)
    with replacing(run / f"predictions-{name}.parquet") as file:
        pq.write_table(table, file)
    record = {
        "notice": RESEARCH_USE_ONLY,
        "name": name,
        **(about or {}),
        **evaluation.as_dict(),
    }
    if predictions.seconds:
        record["cells_per_second"] = round(len(predictions.ids) / predictions.seconds, 1)
    write_json(path, record)
    return path


def keep_embeddings(run: Place, name: str, predictions: Predictions, names: Sequence[str]) -> Place:
    """Write ``embeddings-NAME.parquet``: the embeddings of at most 2,000 judged cells.

    The same cells are drawn for every network that is judged on them. Columns: ``cell_id``,
    ``pattern`` (the true one), ``predicted`` and ``embedding`` (in half precision).
    """
    n_cells = len(predictions.ids)
    rows = np.sort(generator(0, "embeddings", name).permutation(n_cells)[:KEPT_EMBEDDINGS])
    values = pa.array(predictions.embeddings[rows].astype(np.float16).ravel())
    columns = {
        "cell_id": pa.array(predictions.ids[rows].tolist(), pa.string()),
        "pattern": pa.array([names[row] for row in rows], pa.string()),
        "predicted": pa.array([predictions.patterns[i] for i in predictions.labels[rows]]),
        "embedding": pa.FixedSizeListArray.from_arrays(values, predictions.embeddings.shape[1]),
    }
    path = run / f"embeddings-{name}.parquet"
    write_table(path, columns)
    return path


def predictions_table(
    predictions: Predictions,
    names: Sequence[str | None] | None = None,
    specimens: Sequence[str | None] | None = None,
) -> pa.Table:
    """Return predictions as a table.

    Columns: ``cell_id``, ``pattern`` (the true one) and ``specimen`` where given, ``predicted``,
    ``probability`` of the predicted pattern, and ``p_<pattern>`` for every pattern.
    """
    columns: dict[str, Any] = {"cell_id": pa.array(predictions.ids.tolist(), pa.string())}
    if names is not None:
        columns["pattern"] = pa.array(list(names), pa.string())
    if specimens is not None:
        columns["specimen"] = pa.array(list(specimens), pa.string())
    columns["predicted"] = pa.array(
        [predictions.patterns[i] for i in predictions.labels], pa.string()
    )
    columns["probability"] = predictions.probabilities.max(axis=1, initial=0).astype(np.float32)
    for i, pattern in enumerate(predictions.patterns):
        columns[f"p_{pattern}"] = predictions.probabilities[:, i]
    return pa.table(columns)


def predictions_of(table: pa.Table, patterns: tuple[str, ...]) -> Predictions:
    """Return the predictions that `predictions_table` made a table of, without embeddings."""
    probabilities = np.stack([table[f"p_{pattern}"].to_numpy() for pattern in patterns], axis=1)
    ids = np.array(table["cell_id"].to_pylist(), dtype=object)
    return Predictions(ids, patterns, probabilities, np.zeros((len(ids), 0), np.float32))
