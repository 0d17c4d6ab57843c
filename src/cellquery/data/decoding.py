"""Cells of a source -> rows of the image store, decoded batch by batch, in order.

Decoding small PNGs is mostly Python, so threads only get in each other's way (measured: two
threads were slower than one, two processes 1.6 times as fast); processes do it.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import InputError, ProjectError
from cellquery.data.images import RawImage, decode_image, read_bytes, read_mask
from cellquery.data.records import SourceCell

BATCH_CELLS = 64
_WAITING_PER_WORKER = 3


@dataclass(frozen=True, slots=True)
class Job:
    """A cell to decode, its path within the source, and its digest if it is stored already."""

    cell: SourceCell
    source: str
    stored_digest: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: a row for the store, or a fault, or neither for a cell stored already."""

    cell: SourceCell
    row: dict[str, Any] | None = None
    fault: InputError | None = None


def decoded(batches: Iterable[list[Job]], workers: int) -> Iterator[list[Outcome]]:
    """Yield the outcomes of each batch of jobs, in order.

    At most a few batches a worker are in memory at a time.

    Raises
    ------
    InputError
        When a stored cell has the id of another image.
    ProjectError
        When a worker process was killed.
    """
    if workers == 1:
        yield from map(decode_batch, batches)
        return
    # Started afresh, not forked: a fork would copy the locks of Arrow's threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_follow_parent)
    waiting: deque[Future[list[Outcome]]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(decode_batch, batch))
            if len(waiting) > _WAITING_PER_WORKER * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ProjectError(
            "import", "a worker process was killed", "run it again, with --workers 1 if need be"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def decode_batch(jobs: list[Job]) -> list[Outcome]:
    """Return the outcome of each job."""
    return [_decode(job) for job in jobs]


def _decode(job: Job) -> Outcome:
    cell = job.cell
    try:
        if cell.origin and not os.path.lexists(cell.path):
            raise InputError(
                cell.path,
                f"no such file, though {cell.origin} names it",
                "restore it or remove its line",
            )
        data = read_bytes(cell.path)
        digest = hashlib.sha256(data).hexdigest()
        if digest == job.stored_digest:
            return Outcome(cell)
        image = decode_image(data, cell.path)
        mask = read_mask(cell.mask_path, image.shape) if cell.mask_path else None
    except InputError as fault:
        return Outcome(cell, fault=fault)
    if job.stored_digest is not None:
        raise InputError(
            cell.path,
            f"the project has another image with the id {cell.cell_id!r}",
            "import it with --prefix NAME- or into another project",
        )
    return Outcome(cell, row=_row(job, digest, image, mask))


def _row(job: Job, digest: str, image: RawImage, mask: NDArray[np.bool_] | None) -> dict[str, Any]:
    height, width = image.shape
    counts = image.pixels
    return {
        "cell_id": job.cell.cell_id,
        "source": job.source,
        "digest": digest,
        "pattern": job.cell.pattern,
        "specimen": job.cell.specimen,
        "intensity": job.cell.intensity,
        "width": width,
        "height": height,
        "channels": 1 if counts.ndim == 2 else counts.shape[2],
        "bit_depth": image.bit_depth,
        "content_bits": image.content_bits,
        "mask": mask is not None,
        "pixels": counts.astype(counts.dtype.newbyteorder("<"), copy=False).tobytes(),
        "mask_bits": None if mask is None else np.packbits(mask).tobytes(),
    }


def _follow_parent() -> None:
    """Leave the keyboard's interrupt to the parent, and end when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
