"""Prepared cells with a label each, and the validation cells that come out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellquery.core import TrainingError, integer_seed
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training.augment import augment
from cellquery.training.settings import Augmentation


class _Rows(Protocol):
    """What can be split by rows: labelled cells of either kind."""

    @property
    def labels(self) -> NDArray[np.int64]: ...

    def __len__(self) -> int: ...

    def rows(self, rows: NDArray[Any]) -> Self: ...


Cells = TypeVar("Cells", bound=_Rows)


@dataclass(frozen=True)
class LabelledCells:
    """Prepared cells and the index of each one's pattern.

    Attributes
    ----------
    cells : PreparedCells
    labels : ndarray of int64, shape (cells,)
        Index into the list of patterns.
    """

    cells: PreparedCells
    labels: NDArray[np.int64]

    early = False

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(
        self,
        classifier: Classifier,
        rows: NDArray[Any],
        augmentation: Augmentation | None,
        copies: Tensor | None,
        random: torch.Generator,
        device: torch.device,
    ) -> tuple[Tensor, ...]:
        """Return the network inputs of these rows, varied where an augmentation is given."""
        images = torch.from_numpy(self.cells.images[rows]).to(device).float()
        if augmentation is not None:
            images = augment(images, augmentation, random, copies)
        return classifier.network_inputs(images)

    def rows(self, rows: NDArray[Any]) -> Self:
        """Return the cells at these rows."""
        return type(self)(self.cells.rows(rows), self.labels[rows])


def label(cells: PreparedCells, names: Sequence[str], patterns: Sequence[str]) -> LabelledCells:
    """Return the cells with each pattern's name turned into its index.

    Raises
    ------
    TrainingError
        When a name is not among the patterns.
    """
    index = {pattern: i for i, pattern in enumerate(patterns)}
    unknown = sorted({str(name) for name in names} - set(index))
    if unknown:
        raise TrainingError(
            "labels",
            f"pattern '{unknown[0]}' is not among {', '.join(patterns)}",
            "train with this pattern or leave its cells out",
        )
    return LabelledCells(cells, np.array([index[name] for name in names], dtype=np.int64))


def hold_out(cells: Cells, fraction: float, seed: int) -> tuple[Cells, Cells]:
    """Split labelled cells into training and validation cells, per pattern where possible.

    Raises
    ------
    TrainingError
        When there are fewer than two cells.
    """
    if len(cells) < 2:
        raise TrainingError("labels", f"{len(cells)} labelled cells", "label two or more")
    counts = np.bincount(cells.labels)
    n_validation = max(1, round(fraction * len(cells)))
    stratify = bool((counts[counts > 0] > 1).all()) and n_validation >= (counts > 0).sum()
    stratify &= len(cells) - n_validation >= (counts > 0).sum()
    from sklearn.model_selection import train_test_split

    train, validation = train_test_split(
        np.arange(len(cells)),
        test_size=n_validation,
        random_state=integer_seed(seed, "validation"),
        stratify=cells.labels if stratify else None,
    )
    return cells.rows(np.sort(train)), cells.rows(np.sort(validation))
