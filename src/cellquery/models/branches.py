"""Residual networks side by side, one on each wavelet input, fused late."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cellquery.models.network import Network, NetworkOptions, NetworkOutput
from cellquery.models.residual import ResidualBlock, Shortcut


class BranchOptions(NetworkOptions):
    """What a network of branches may choose.

    Attributes
    ----------
    shortcut : {"projection", "zero-padding"}
        See `ResidualBlock`.
    """

    shortcut: Shortcut = "projection"


class Branch(nn.Module):
    """One of the networks up to the concatenation; ``early`` is what fine-tuning freezes."""

    def __init__(self, n_channels: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.early = nn.Sequential(
            nn.Conv2d(n_channels, 32, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            ResidualBlock(32, 32, shortcut),
            nn.MaxPool2d(2),
        )
        self.late = ResidualBlock(32, 64, shortcut)

    def forward(self, band: Tensor) -> Tensor:
        """Return features of shape (cells, 64, height / 4, width / 4)."""
        features: Tensor = self.late(self.early(band))
        return features


class FusedBranches(Network):
    """A branch for each of ``bands``, then a 1x1 fusion, a residual block, pooling and a head.

    Parameters
    ----------
    n_patterns : int
        Classes of the last layer, two or more.
    n_channels : int
        Channels of the cell image, one or more.
    shortcut : {"projection", "zero-padding"}
        See `ResidualBlock`.
    """

    Options = BranchOptions
    # The wavelet transform and two poolings halve the side.
    sides = range(16, 1025, 8)
    has_early = True
    n_embedding = 128
    bands: ClassVar[tuple[str, ...]]

    def __init__(
        self, n_patterns: int, n_channels: int = 1, shortcut: Shortcut = "projection"
    ) -> None:
        super().__init__(n_patterns, n_channels)
        for band in self.bands:
            self.add_module(band, Branch(n_channels, shortcut))
        self.fusion = nn.Conv2d(64 * len(self.bands), 64, 1, bias=False)
        self.late = ResidualBlock(64, self.n_embedding, shortcut)
        self.norm = nn.BatchNorm2d(self.n_embedding)
        self.head = nn.Linear(self.n_embedding, n_patterns)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @classmethod
    def build(cls, n_patterns: int, n_channels: int, options: BranchOptions) -> Self:
        """Return a network of random weights."""
        return cls(n_patterns, n_channels, options.shortcut)

    def _branches(self) -> list[Branch]:
        return [self.get_submodule(band) for band in self.bands]  # type: ignore[misc]

    def early(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the branches' features after the second pooling: the part fine-tuning freezes.

        Parameters
        ----------
        *inputs : Tensor, each of shape (cells, n_channels, height, width)
            The bands, in the order of ``bands``.

        Returns
        -------
        tuple of Tensor
            Each of shape (cells, 32, height / 4, width / 4).
        """
        pairs = zip(self._branches(), inputs, strict=True)
        return tuple(branch.early(band) for branch, band in pairs)

    def early_modules(self) -> tuple[nn.Module, ...]:
        """Return the parts that stay fixed while fine-tuning, one a branch."""
        return tuple(branch.early for branch in self._branches())

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding from the outputs of `early`."""
        pairs = zip(self._branches(), features, strict=True)
        joined = torch.cat([branch.late(each) for branch, each in pairs], dim=1)
        embedding = F.relu(self.norm(self.late(self.fusion(joined)))).mean(dim=(2, 3))
        return NetworkOutput(self.head(embedding), embedding)
