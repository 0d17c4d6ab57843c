"""What a network that learns at once computes of its training cells, batch after batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cellquery.core import Progress
from cellquery.models.network import Show

_BATCH_CELLS = 64


def gathered(
    show: Show,
    n_cells: int,
    compute: Callable[[Tensor], Sequence[NDArray[np.floating]]],
    progress: Progress,
) -> list[NDArray[np.floating]]:
    """Return what is computed of each training cell, an array for each."""
    found: list[NDArray[np.floating]] = []
    for start in range(0, n_cells, _BATCH_CELLS):
        rows = np.arange(start, min(start + _BATCH_CELLS, n_cells))
        (images,) = show(rows)
        found += compute(images)
        progress("features", len(found), n_cells)
    return found
