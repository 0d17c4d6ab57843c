"""One function over many batches, in worker processes, with the results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from cellquery.core.errors import ProjectError

_Item = TypeVar("_Item")
_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")

BATCH_CELLS = 64
"""Cells of a batch: enough to make sending it cheap, few enough to show progress."""

WORTH_WORKERS = 4000
"""Cells below which starting processes takes longer than they save."""

_WAITING_PER_WORKER = 3


def in_batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield lists of `BATCH_CELLS` items, the last as long as what is left."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH_CELLS)):
        yield batch


def in_order(
    function: Callable[[_Batch], _Result],
    batches: Iterable[_Batch],
    workers: int,
    *,
    task: str,
    setup: Callable[[], None] | None = None,
) -> Iterator[_Result]:
    """Yield the result for each batch, in order; a few batches a worker are in memory at a time.

    Parameters
    ----------
    function : callable
        Importable by name, as pickle needs, like ``setup``. It is sent to each worker once: what it
        reads and keeps, such as where the cells of an image store lie, is there for later batches.
    batches : iterable
    workers : int
        Processes; 1 stands for this one.
    task : str
        What is being done, for the message when a worker was killed.
    setup : callable, optional
        Called once in each worker process.

    Raises
    ------
    ProjectError
        When a worker process was killed.
    """
    if workers == 1:
        yield from map(function, batches)
        return
    # Started afresh, not forked: a fork would copy the locks of other threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(setup, function))
    waiting: deque[Future[_Result]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_called, batch))
            if len(waiting) > _WAITING_PER_WORKER * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ProjectError(
            task, "a worker process was killed", "run it again, with --workers 1 if need be"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_function: Callable[[Any], Any]


def _called(batch: Any) -> Any:
    return _function(batch)


def _start(setup: Callable[[], None] | None, function: Callable[[Any], Any]) -> None:
    """Leave the keyboard's interrupt to the parent, end when it is killed, then set up."""
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    if setup is not None:
        setup()
