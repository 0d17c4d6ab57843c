"""What every kind of network promises, however it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from cellquery.core import Progress, SettingsError
from cellquery.wavelets import InputSettings

Show = Callable[[NDArray[np.int64]], tuple[Tensor, ...]]
"""The network inputs of the training cells at some rows, on the CPU."""


class NetworkOutput(NamedTuple):
    """What a network says of a batch.

    Attributes
    ----------
    logits : Tensor, shape (cells, patterns)
        The inputs z of the softmax, Eq. 1.
    embedding : Tensor, shape (cells, n_embedding)
        What the last layer is given.
    sides : tuple of Tensor, each of shape (cells, patterns)
        Logits of side classifiers, only while training; see `Network.side_weight`.
    """

    logits: Tensor
    embedding: Tensor
    sides: tuple[Tensor, ...] = ()


class NetworkOptions(BaseModel):
    """The options of a kind of network, checked; a kind without any uses this class itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(nn.Module):
    """Prepared images in, logits and an embedding out; all that is learnt is in `state_dict`.

    A kind is a class: it sets the class attributes below, `n_embedding` and `head`, and defines
    `finish`. What needs more than that overrides more.

    Attributes
    ----------
    name : str
        The word for it in settings and files.
    title : str
        How tables call it, with its source.
    Options : type of NetworkOptions
        What a user may choose, with defaults.
    sides : range
        Sides of a prepared image that it takes, in pixels.
    has_early : bool
        Whether fine-tuning after an initial learning freezes a part of it; see `early`.
    learns_at_once : bool
        Whether it is taught by `learn` instead of gradient descent.
    side_weight : float
        The share of each of `NetworkOutput.sides` in the loss.
    predicts_in_bf16 : bool
        Whether it was measured that it names cells as well with products in bfloat16.
    n_embedding : int
    head : Module
        The last layer, embedding to logits: replaced where the patterns change, and given
        embeddings with entries dropped by Monte-Carlo dropout.
    heads : tuple of str
        Names of all modules whose shape depends on the number of patterns.

    Parameters
    ----------
    n_patterns : int
        Classes of the last layer, two or more.
    n_channels : int
        Channels of the prepared image, one or more: grey, and the mask where it is one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Options: ClassVar[type[NetworkOptions]] = NetworkOptions
    sides: ClassVar[range] = range(16, 1025)
    has_early: ClassVar[bool] = False
    learns_at_once: ClassVar[bool] = False
    heads: ClassVar[tuple[str, ...]] = ("head",)
    side_weight: ClassVar[float] = 0.0
    predicts_in_bf16: ClassVar[bool] = False
    n_embedding: int
    head: nn.Module

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__()
        if n_patterns < 2 or n_channels < 1:
            raise SettingsError(
                "network",
                f"{n_patterns} patterns and {n_channels} channels",
                "give at least two patterns and one channel",
            )
        self.n_patterns, self.n_channels = n_patterns, n_channels

    @classmethod
    def build(cls, n_patterns: int, n_channels: int, options: Any) -> Self:
        """Return a network of random weights; ``options`` is an instance of `Options`."""
        return cls(n_patterns, n_channels)

    def start(self, options: Any) -> None:
        """Load the weights that options name, once, before the first training; else nothing."""

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return what `early` is given, of prepared images (cells, channels, side, side)."""
        return (images,)

    def early(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the output of the part that fine-tuning freezes: tensors of one shape."""
        return inputs

    def early_modules(self) -> tuple[nn.Module, ...]:
        """Return the modules of the frozen part."""
        return ()

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding from the output of `early`."""
        raise NotImplementedError

    def forward(self, *inputs: Tensor) -> NetworkOutput:
        """Return logits and embedding of what `inputs` gives."""
        return self.finish(*self.early(*inputs))

    def learn(
        self,
        show: Show,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        """Learn everything at once: only where `learns_at_once`.

        Parameters
        ----------
        show : callable
            Given ascending rows, returns the network inputs of these cells: ask in batches.
        labels : ndarray of int64, shape (cells,)
            The pattern of each row.
        weights : ndarray of float32, shape (cells,)
            How much each cell counts.
        seed : int
        progress : Progress
        """
        raise NotImplementedError

    @property
    def n_parameters(self) -> int:
        """How many numbers were learnt; what learns at once keeps them in buffers too."""
        learnt = self.state_dict().values() if self.learns_at_once else self.parameters()
        return sum(values.numel() for values in learnt)

    def make_room(self, weights: dict[str, Tensor]) -> None:
        """Give buffers whose size depends on what was learnt the shapes of these weights."""
