"""The cells that a campaign chooses from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import InputError
from cellquery.core.fingerprint import fingerprint
from cellquery.data.prepare import PreparedCells


@dataclass(frozen=True)
class Pool:
    """Unlabelled cells, prepared as the network takes them.

    Attributes
    ----------
    cells : PreparedCells
    specimens : ndarray of str or None, shape (cells,)
    """

    cells: PreparedCells
    specimens: NDArray[Any]

    def __post_init__(self) -> None:
        if len(self.specimens) != len(self.cells) or len(self.row) != len(self.cells):
            raise InputError("pool", "holds a cell twice", "give each cell once")

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def row(self) -> dict[str, int]:
        """Where each cell stands, by id; positions stay within the campaign's room."""
        return {str(cell_id): row for row, cell_id in enumerate(self.cells.ids.tolist())}

    def rows(self, ids: Any) -> NDArray[np.int64]:
        """Return where these cells stand."""
        return np.array([self.row[str(cell_id)] for cell_id in ids], dtype=np.int64)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of ids and images: a campaign refuses to go on with other cells."""
        return fingerprint(self.cells.ids, [self.cells.images])
