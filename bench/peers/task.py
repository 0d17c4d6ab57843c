"""The campaign that every loop plays: cells, first batch, sizes, network, usual schedule."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cellquery.models import Classifier
from cellquery.training import Augmentation
from cellquery.training.augment import augment

Name = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Images of cells to probabilities of patterns: what every loop returns."""


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes
    ----------
    max_epochs : int
    patience : int or None
        Stop after so many epochs without a lower loss on ``validation`` of the labelled cells, and
        go back to the best weights; None trains to the end.
    validation : float
    learning_rate : float
        Of Adam.
    batch_size : int
    """

    max_epochs: int = 100
    patience: int | None = 5
    validation: float = 0.1
    learning_rate: float = 1e-3
    batch_size: int = 32


LITERAL = Schedule()
"""The paper's: Adam at 1e-3, until five epochs bring no gain. Its batches of 128 are too few steps
for so few cells; 32 was as fast for each cell and reached more."""


@dataclass(frozen=True)
class Task:
    """One campaign.

    Attributes
    ----------
    folder : Path
    images : ndarray of float32, shape (pool, channels, side, side)
    labels : ndarray of int64, shape (pool,)
        Only to be looked at for cells that were chosen.
    first : ndarray of int64
        Rows of the first batch.
    budget, per_round : int
        Cells labelled in all, and in each further round.
    n_patterns, seed : int
    spent : Counter of str
        Processor seconds by what they were spent on; see `on`.
    """

    folder: Path
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    first: NDArray[np.int64]
    budget: int
    per_round: int
    n_patterns: int
    seed: int
    spent: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, folder: Path, seed: int) -> Self:
        """Return the campaign of a seed."""
        sizes = json.loads((folder / "task.json").read_text())
        with np.load(folder / "pool.npz") as pool:
            images, labels = pool["images"].astype(np.float32), pool["labels"]
        return cls(
            folder,
            images,
            labels,
            np.array(sizes["first"][str(seed)]),
            sizes["budget"],
            sizes["per_round"],
            sizes["n_patterns"],
            seed,
        )

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count what happens inside as spent on this."""
        started = time.process_time()
        yield
        self.spent[what] += time.process_time() - started

    @property
    def initial(self) -> str:
        """The weights that every training starts from."""
        return str(self.folder / "initial" / "model.safetensors")


class Cells(nn.Module):
    """The paper's network from images to logits, at the initial weights.

    Channels-last, as it is fastest; while it is trained, images are turned and flipped as they are
    for everybody.
    """

    def __init__(self, initial: str, seed: int = 0) -> None:
        super().__init__()
        self.classifier: Any = Classifier.load(initial)
        self.network = self.classifier.channels_last("cpu")
        self.varied = Augmentation(rotation="quarter-turns", flips=True)
        self.random = torch.Generator().manual_seed(seed)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, shape (cells, patterns)."""
        if self.training:
            images = augment(images, self.varied, self.random)
        return self.classifier(images).logits
