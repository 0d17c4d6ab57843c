"""What was computed of a cell is remembered, so that a refit on the same cells need not wait."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from threading import Lock
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Compute = Callable[[NDArray[np.int64]], Iterable[NDArray[np.floating]]]
"""From the rows of some cells to an array for each."""


class _Result(NamedTuple):
    value: NDArray[np.floating]
    seconds: float


class Remembered:
    """Results for cells, kept in memory for the life of the process.

    A cell is known by the bytes of its prepared image: the same cell is found again whatever
    project, round or network asks, and one that was prepared in another way is another cell.

    Parameters
    ----------
    room_mb : int
        Above this the results that were not asked for the longest are forgotten.

    Attributes
    ----------
    spared_s : float
        The time that remembered results of all instances once took: what is told as the speed of
        a method counts it, or a second look at the same cells would seem to cost nothing.
    """

    spared_s: ClassVar[float] = 0.0

    def __init__(self, room_mb: int) -> None:
        self._room = room_mb * 1_000_000
        self._kept: OrderedDict[bytes, _Result] = OrderedDict()
        self._size, self._lock = 0, Lock()

    def __call__(
        self, images: Tensor, compute: Compute, maker: bytes = b""
    ) -> list[NDArray[np.floating]]:
        """Return the result for each cell, computing only those that are not remembered.

        Parameters
        ----------
        images : Tensor, shape (cells, channels, height, width)
        compute : callable
            Called with the rows of cells that are not remembered.
        maker : bytes
            Tells apart results that something else than the images decides, such as weights.
        """
        keys = [
            blake2b(image.tobytes(), digest_size=16, key=maker).digest()
            for image in images.detach().cpu().numpy()
        ]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key, result in found.items():
                self._kept.move_to_end(key)
                Remembered.spared_s += result.seconds
        missing = np.array([row for row, key in enumerate(keys) if key not in found], np.int64)
        if len(missing):
            started = time.perf_counter()
            values = list(compute(missing))
            seconds = (time.perf_counter() - started) / len(missing)
            # A row of a larger array would keep all of that array alive.
            new = {
                keys[row]: _Result(value.copy(), seconds)
                for row, value in zip(missing, values, strict=True)
            }
            found |= new
            self._keep(new)
        return [found[key].value for key in keys]

    def _keep(self, new: dict[bytes, _Result]) -> None:
        with self._lock:
            for key, result in new.items():
                if key not in self._kept:
                    self._kept[key] = result
                    self._size += result.value.nbytes
            while self._size > self._room:
                self._size -= self._kept.popitem(last=False)[1].value.nbytes
