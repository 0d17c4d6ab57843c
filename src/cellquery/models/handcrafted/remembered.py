"""What was computed of a cell is remembered, so that a refit on the same cells need not wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Compute = Callable[[NDArray[np.float32], NDArray[np.bool_]], Iterable[NDArray[np.floating]]]


class Remembered:
    """A function of cells whose results stay in memory for the life of the process.

    A cell is known by the bytes of its image: the same cell is found again whatever project,
    round or network asks, and one that was prepared in another way is another cell.

    Parameters
    ----------
    compute : callable
        Images (cells, height, width) and where their nuclei are -> one array for each cell.
    room_mb : int
        Above this the results that were not asked for the longest are forgotten.
    """

    def __init__(self, compute: Compute, room_mb: int) -> None:
        self._compute, self._room = compute, room_mb * 1_000_000
        self._kept: OrderedDict[bytes, NDArray[np.floating]] = OrderedDict()
        self._size, self._lock = 0, Lock()

    def __call__(
        self, images: NDArray[np.float32], inside: NDArray[np.bool_]
    ) -> list[NDArray[np.floating]]:
        """Return the result for each cell, computing only those that are not remembered."""
        keys = [
            blake2b(image.tobytes() + mask.tobytes(), digest_size=16).digest()
            for image, mask in zip(images, inside, strict=True)
        ]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        missing = [row for row, key in enumerate(keys) if key not in found]
        if missing:
            computed = self._compute(images[missing], inside[missing])
            new = {keys[row]: value for row, value in zip(missing, computed, strict=True)}
            found |= new
            self._keep(new)
        return [found[key] for key in keys]

    def _keep(self, new: dict[bytes, NDArray[np.floating]]) -> None:
        with self._lock:
            for key, value in new.items():
                if key not in self._kept:
                    # A row of a larger array would keep all of that array alive.
                    self._kept[key] = value.copy()
                    self._size += value.nbytes
            while self._size > self._room:
                self._size -= self._kept.popitem(last=False)[1].nbytes
