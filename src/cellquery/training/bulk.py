"""Predict every image of a folder, a table or a project into one file, in bounded memory."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.core import InputError, Progress, silent
from cellquery.data import Project, SourceCell, read_image, read_mask
from cellquery.data.prepare import PreparedCells, prepare, prepare_cell
from cellquery.data.readers import open_source
from cellquery.models import Classifier
from cellquery.training.evaluate import predictions_table
from cellquery.training.predict import predict_stream
from cellquery.wavelets import InputSettings

_Item = TypeVar("_Item")

CHUNK_CELLS = 256
_N_READERS = 2


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
    source: Path,
    out: Path,
    *,
    views: int = 1,
    device: str = "cpu",
    progress: Progress = silent,
) -> BulkSummary:
    """Write the predictions for every image of a source, in the source's order.

    Parameters
    ----------
    classifier : Classifier
    source : Path
        A cellquery project, a folder of images or any layout that ``cellquery import`` reads.
    out : Path
        ``.csv`` or ``.parquet``; columns as in `predictions_table`. It appears when it is whole.
    views : {1, 8}
    device : str
    progress : Progress

    Returns
    -------
    BulkSummary
        Images that cannot be read are skipped and listed in it.

    Raises
    ------
    InputError
        When ``out`` has another suffix, the source cannot be read, or no image of it can.
    """
    summary = BulkSummary()
    started = time.perf_counter()
    if (source / "project.toml").exists():
        chunks = _project_chunks(Project.open(source), classifier.inputs, summary)
    else:
        chunks = _source_chunks(open_source(source), classifier.inputs, summary)
    with _writer(out) as write:
        for predictions in predict_stream(classifier, chunks, views=views, device=device):
            write(predictions_table(predictions))
            summary.n_cells += len(predictions.ids)
            summary.n_predicted.update(predictions.patterns[i] for i in predictions.labels)
            progress("predicting", summary.n_cells)
        if not summary.n_cells:
            first = f" (first: {summary.faults[0]})" if summary.faults else ""
            raise InputError(source, f"no image could be read{first}", "check the folder")
    summary.seconds = time.perf_counter() - started
    return summary


def _project_chunks(
    project: Project, inputs: InputSettings, summary: BulkSummary
) -> Iterator[PreparedCells]:
    store = project.store()
    if inputs.mask != "ignore":
        summary.n_without_mask = pc.sum(pc.invert(project.manifest()["mask"])).as_py() or 0
    for ids in _chunks(store.ids):
        yield prepare(store, ids, inputs)


def _source_chunks(
    cells: Iterable[SourceCell], inputs: InputSettings, summary: BulkSummary
) -> Iterator[PreparedCells]:
    """Yield prepared chunks while the next one is being read by threads."""

    def load(cell: SourceCell) -> NDArray[np.float32] | InputError:
        try:
            pixels = read_image(cell.path).pixels
            mask = None
            if cell.mask_path is not None and inputs.mask != "ignore":
                mask = read_mask(cell.mask_path, pixels.shape[:2])
            return prepare_cell(pixels, mask, inputs)
        except InputError as error:
            return error

    with ThreadPoolExecutor(_N_READERS) as readers:
        waiting: deque[list[tuple[str, Future[NDArray[np.float32] | InputError]]]] = deque()
        for chunk in _chunks(cells):
            if inputs.mask != "ignore":
                summary.n_without_mask += sum(cell.mask_path is None for cell in chunk)
            waiting.append([(cell.cell_id, readers.submit(load, cell)) for cell in chunk])
            if len(waiting) > 1:
                yield from _read(waiting.popleft(), summary.faults)
        while waiting:
            yield from _read(waiting.popleft(), summary.faults)


def _read(
    chunk: list[tuple[str, Future[NDArray[np.float32] | InputError]]], faults: list[InputError]
) -> Iterator[PreparedCells]:
    ids, images = [], []
    for cell_id, future in chunk:
        image = future.result()
        if isinstance(image, InputError):
            faults.append(image)
        else:
            ids.append(cell_id)
            images.append(image)
    if ids:
        yield PreparedCells(np.array(ids, dtype=object), np.stack(images).astype(np.float16))


def _chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK_CELLS)):
        yield chunk


class _Write(Protocol):
    def __call__(self, table: pa.Table) -> None: ...


@contextmanager
def _writer(out: Path) -> Iterator[_Write]:
    makers = {".csv": pa_csv.CSVWriter, ".parquet": pq.ParquetWriter}
    if out.suffix not in makers:
        raise InputError(out, f"suffix '{out.suffix}' is not known", "name it .csv or .parquet")
    unfinished = out.with_name(f".{out.name}.unfinished")
    writer = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        writer = writer or makers[out.suffix](unfinished, table.schema)
        writer.write_table(table)

    try:
        yield write
        if writer is not None:
            writer.close()
            os.replace(unfinished, out)
    except OSError as error:
        raise InputError(
            out, f"cannot be written ({error.strerror})", "free space or choose another folder"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
