"""Predict every image of a folder, a table or a project into one file, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from cellquery.core import InputError, Progress, silent
from cellquery.core.durable import replacing
from cellquery.core.places import Place, local_path
from cellquery.core.workers import WORTH_WORKERS, in_batches, in_order
from cellquery.data import ImageStore, Project, SourceCell, read_image, read_mask
from cellquery.data.prepare import PreparedCells, prepare, prepare_cell
from cellquery.data.readers import Columns, ReaderOptions, open_source
from cellquery.models import Classifier
from cellquery.training.device import torch_device
from cellquery.training.evaluate import predictions_table
from cellquery.training.predict import Predictions, averaged, check_same_patterns, predict
from cellquery.wavelets import InputSettings


@dataclass
class BulkSummary:
    """What became of a source.

    Attributes
    ----------
    n_cells : int
        Predicted cells.
    n_without_mask : int
        Of these, cells without a mask although the network learnt from masks.
    seconds : float
    n_predicted : Counter of str
        Cells of each predicted pattern.
    faults : list of InputError
        One for each image that was skipped.
    """

    n_cells: int = 0
    n_without_mask: int = 0
    seconds: float = 0.0
    n_predicted: Counter[str] = field(default_factory=Counter)
    faults: list[InputError] = field(default_factory=list)


def predict_source(
    classifier: Classifier,
    source: Place,
    out: Place,
    *,
    together: Sequence[Classifier] = (),
    views: int = 1,
    layout: str | None = None,
    columns: Columns | None = None,
    accelerator: str = "auto",
    workers: int = 1,
    progress: Progress = silent,
) -> BulkSummary:
    """Write the predictions for every image of a source, in the source's order.

    Parameters
    ----------
    classifier : Classifier
    source : Path or UPath
        A cellquery project, a folder of images or any layout that ``cellquery import`` reads.
    out : Path or UPath
        ``.csv`` or ``.parquet``; columns as in `predictions_table`. It appears when it is whole.
    together : sequence of Classifier
        Others of the same patterns, whose probabilities are averaged with the first's.
    views : {1, 8}
    layout : str or None
        Of a source that is no project, as for `open_source`.
    columns : Columns or None
        Of a table, where they are not the usual ones.
    accelerator : {"auto", "cpu", "cuda"}
    workers : int
        Processes that read and prepare images, and without a GPU predict them too; small sources
        use one whatever this says.
    progress : Progress

    Returns
    -------
    BulkSummary
        Images that cannot be read are skipped and listed in it.

    Raises
    ------
    InputError
        When ``out`` has another suffix, the source cannot be read, or no image of it can.
    WeightsError
        When the classifiers name other patterns.
    """
    summary = BulkSummary()
    started = time.perf_counter()
    classifiers = (classifier, *together)
    check_same_patterns(classifiers)
    inputs = tuple(each.inputs for each in classifiers)
    mask_matters = any(each.mask != "ignore" for each in inputs)
    load: _Load
    cells: Iterator[Any]
    store: ImageStore | None = None
    if (source / "project.toml").exists():
        project = Project.open(source)
        store = project.store()
        cells, load = iter(store.ids), _FromStore(store, inputs)
        if mask_matters:
            summary.n_without_mask = pc.sum(pc.invert(project.manifest()["mask"])).as_py() or 0
    else:
        options = ReaderOptions(columns or Columns(), labelled=False)
        opened = open_source(local_path(source), layout, options)
        cells, load = iter(opened), _FromFiles(inputs)
    with (
        writing_table(out) as write,
        _predicted(classifiers, cells, load, _How(views), accelerator, workers) as answers,
    ):
        for answer in answers:
            summary.faults += answer.faults
            summary.n_without_mask += answer.n_without_mask if mask_matters else 0
            if answer.predictions is None:
                continue
            write(predictions_table(answer.predictions))
            summary.n_cells += len(answer.predictions.ids)
            summary.n_predicted.update(
                answer.predictions.patterns[i] for i in answer.predictions.labels
            )
            progress("predicting", summary.n_cells)
        if not summary.n_cells:
            first = f" (first: {summary.faults[0]})" if summary.faults else ""
            raise InputError(source, f"no image could be read{first}", "check the folder")
        if store is not None:
            # Before the file appears: an id must still mean the cell that was predicted.
            store.check()
    summary.seconds = time.perf_counter() - started
    return summary


def predict_stored(
    classifier: Classifier,
    store: ImageStore,
    ids: Sequence[str],
    *,
    views: int = 1,
    accelerator: str = "auto",
    workers: int = 1,
    exact: bool = False,
    progress: Progress = silent,
) -> Predictions:
    """Return the predictions for cells of a project, in the order of their ids.

    Parameters
    ----------
    classifier : Classifier
    store : ImageStore
    ids : sequence of str
        One cell or more.
    views : {1, 8}
    accelerator : {"auto", "cpu", "cuda"}
    workers : int
        As for `predict_source`.
    exact : bool
        As for `predict`.
    progress : Progress
    """
    load, parts, n_cells = _FromStore(store, (classifier.inputs,)), [], 0
    how = _How(views, exact)
    with _predicted([classifier], iter(ids), load, how, accelerator, workers) as answers:
        for answer in answers:
            assert answer.predictions is not None
            parts.append(answer.predictions)
            n_cells += len(answer.predictions.ids)
            progress("predicting", n_cells, len(ids))
    store.check()
    return Predictions(
        np.concatenate([part.ids for part in parts]),
        classifier.patterns,
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.embeddings for part in parts]),
    )


@dataclass(frozen=True)
class _Loaded:
    """A batch of cells as each network takes them; nothing where no image could be read."""

    cells: list[PreparedCells]
    faults: list[InputError] = field(default_factory=list)
    n_without_mask: int = 0


@dataclass(frozen=True)
class _Answer:
    """What became of a batch."""

    predictions: Predictions | None
    faults: list[InputError]
    n_without_mask: int


class _Load(Protocol):
    def __call__(self, batch: list[Any]) -> _Loaded: ...


@dataclass(frozen=True)
class _FromStore:
    """Prepares cells of a project, named by their ids."""

    store: ImageStore
    inputs: tuple[InputSettings, ...]

    def __call__(self, batch: list[str]) -> _Loaded:
        return _Loaded([prepare(self.store, batch, each) for each in self.inputs])


@dataclass(frozen=True)
class _FromFiles:
    """Reads and prepares the images of a source."""

    inputs: tuple[InputSettings, ...]

    def __call__(self, batch: list[SourceCell]) -> _Loaded:
        ids, images, faults, n_without_mask = [], [], [], 0
        for cell in batch:
            try:
                images.append(self._images(cell))
            except InputError as fault:
                faults.append(fault)
            else:
                ids.append(cell.cell_id)
                n_without_mask += cell.mask_path is None
        cells = [
            PreparedCells(np.array(ids, dtype=object), np.stack(each).astype(np.float16))
            for each in zip(*images, strict=True)
        ]
        return _Loaded(cells, faults, n_without_mask)

    def _images(self, cell: SourceCell) -> list[NDArray[np.float32]]:
        """Return a cell as each network takes it."""
        pixels = read_image(cell.path).pixels
        mask = None
        if cell.mask_path is not None and any(each.mask != "ignore" for each in self.inputs):
            mask = read_mask(cell.mask_path, pixels.shape[:2])
        return [prepare_cell(pixels, mask, each) for each in self.inputs]


@dataclass(frozen=True)
class _How:
    """How cells are predicted: see `predict`."""

    views: int
    exact: bool = False


@dataclass(frozen=True)
class _Predict:
    """Loads a batch and predicts it, in whatever process it is called."""

    weights: list[Path]
    load: _Load
    how: _How

    def __call__(self, batch: list[Any]) -> _Answer:
        return _answer([loaded_once(each) for each in self.weights], self.load(batch), self.how)


def _answer(
    classifiers: Sequence[Classifier],
    loaded: _Loaded,
    how: _How,
    device: str | torch.device = "cpu",
) -> _Answer:
    predictions = None
    if loaded.cells:
        predictions = averaged(
            [
                predict(each, cells, views=how.views, exact=how.exact, device=device)
                for each, cells in zip(classifiers, loaded.cells, strict=True)
            ]
        )
    return _Answer(predictions, loaded.faults, loaded.n_without_mask)


@cache
def loaded_once(weights: Path, digest: str = "") -> Classifier:
    """Return the classifier of a file, read once in a process; of another digest, read again."""
    return Classifier.load(weights)


def one_thread() -> None:
    """Let torch use one thread: what each of many worker processes does."""
    torch.set_num_threads(1)


@contextmanager
def _predicted(
    classifiers: Sequence[Classifier],
    cells: Iterator[Any],
    load: _Load,
    how: _How,
    accelerator: str,
    workers: int,
) -> Iterator[Iterator[_Answer]]:
    """Yield what becomes of each batch of cells, in order.

    Without a GPU each worker process both prepares and predicts, with one thread: nothing waits
    for anything. With one, they prepare and this process predicts.
    """
    device = torch_device(accelerator)
    ahead = list(islice(cells, WORTH_WORKERS))
    workers = workers if len(ahead) == WORTH_WORKERS else 1
    batches = in_batches(chain(ahead, cells))
    if device.type != "cpu" or workers == 1:
        loaded = in_order(load, batches, workers, task="predict", setup=one_thread)
        yield (_answer(classifiers, batch, how, device) for batch in loaded)
        return
    with TemporaryDirectory(prefix="cellquery-") as folder:
        weights = [Path(folder) / f"{i}.safetensors" for i in range(len(classifiers))]
        for classifier, path in zip(classifiers, weights, strict=True):
            classifier.save(path)
        work = _Predict(weights, load, how)
        yield in_order(work, batches, workers, task="predict", setup=one_thread)


class _Write(Protocol):
    def __call__(self, table: pa.Table) -> None: ...


@contextmanager
def writing_table(out: Place) -> Iterator[_Write]:
    """Yield a function that appends a table to a file, which appears once it is whole.

    Raises
    ------
    InputError
        When the file is neither ``.csv`` nor ``.parquet``.
    """
    makers = {".csv": pa_csv.CSVWriter, ".parquet": pq.ParquetWriter}
    if out.suffix not in makers:
        raise InputError(out, f"suffix '{out.suffix}' is not known", "name it .csv or .parquet")
    writer = None
    with replacing(out) as file:

        def write(table: pa.Table) -> None:
            nonlocal writer
            writer = writer or makers[out.suffix](file, table.schema)
            writer.write_table(table)

        yield write
        if writer is not None:
            writer.close()
