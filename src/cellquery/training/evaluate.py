"""Judge a classifier on labelled cells and keep the judgement beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.core import RESEARCH_USE_ONLY, Progress, silent
from cellquery.core.durable import replacing, write_json
from cellquery.data.prepare import PreparedCells
from cellquery.metrics import Evaluation, evaluate
from cellquery.models import Classifier
from cellquery.training.cells import label
from cellquery.training.device import torch_device
from cellquery.training.predict import Predictions, predict


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
    true = label(cells, names, classifier.patterns).labels
    device = torch_device(accelerator)
    predictions = predict(classifier, cells, views=views, device=device, progress=progress)
    evaluation = evaluate(true, predictions.probabilities, classifier.patterns, specimens=specimens)
    return evaluation, predictions


def write_evaluation(
    run: Path,
    name: str,
    evaluation: Evaluation,
    predictions: Predictions,
    names: Sequence[str],
    specimens: Sequence[str | None] | None = None,
    about: dict[str, Any] | None = None,
) -> Path:
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
    write_json(path, record)
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
