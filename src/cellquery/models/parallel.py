"""The two parallel residual networks of Figure 5, fused late."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cellquery.core import SettingsError
from cellquery.models.residual import ResidualBlock, Shortcut


class NetworkOutput(NamedTuple):
    """What the network says of a batch.

    Attributes
    ----------
    logits : Tensor, shape (cells, patterns)
        The inputs z of the softmax, Eq. 1.
    embedding : Tensor, shape (cells, 128)
        The output of global average pooling.
    """

    logits: Tensor
    embedding: Tensor


class Branch(nn.Module):
    """One of the two networks up to the concatenation; ``early`` is what fine-tuning freezes."""

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


class ParallelResNet(nn.Module):
    """The paper's network: one branch on the approximation, one on the sum of details.

    With six patterns, one channel and projections it has 391,750 parameters; with zero padding
    379,462. The "BN, ReLU 14 x 14 x 64" before pooling in Figure 5 is a slip for 128 channels.

    Parameters
    ----------
    n_patterns : int
        Classes of the last layer, two or more.
    n_channels : int
        Channels of the cell image, one or more.
    shortcut : {"projection", "zero-padding"}
        See `ResidualBlock`.

    References
    ----------
    Vununu et al. 2021, Figure 5, doi:10.3390/s21041469.
    """

    n_embedding = 128

    def __init__(
        self, n_patterns: int, n_channels: int = 1, shortcut: Shortcut = "projection"
    ) -> None:
        super().__init__()
        if n_patterns < 2 or n_channels < 1:
            raise SettingsError(
                "network",
                f"{n_patterns} patterns and {n_channels} channels",
                "give at least two patterns and one channel",
            )
        self.n_patterns, self.n_channels, self.shortcut = n_patterns, n_channels, shortcut
        self.approximation = Branch(n_channels, shortcut)
        self.details = Branch(n_channels, shortcut)
        self.fusion = nn.Conv2d(128, 64, 1, bias=False)
        self.late = ResidualBlock(64, self.n_embedding, shortcut)
        self.norm = nn.BatchNorm2d(self.n_embedding)
        self.head = nn.Linear(self.n_embedding, n_patterns)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def early(self, approximation: Tensor, details: Tensor) -> tuple[Tensor, Tensor]:
        """Return both branches' features after the second pooling: the part fine-tuning freezes.

        Parameters
        ----------
        approximation, details : Tensor, shape (cells, n_channels, height, width)

        Returns
        -------
        Tensor, Tensor
            Each of shape (cells, 32, height / 4, width / 4).
        """
        return self.approximation.early(approximation), self.details.early(details)

    def finish(self, approximation: Tensor, details: Tensor) -> NetworkOutput:
        """Return logits and embedding from the two outputs of `early`."""
        both = (self.approximation.late(approximation), self.details.late(details))
        features = self.late(self.fusion(torch.cat(both, dim=1)))
        embedding = F.relu(self.norm(features)).mean(dim=(2, 3))
        return NetworkOutput(self.head(embedding), embedding)

    def forward(self, approximation: Tensor, details: Tensor) -> NetworkOutput:
        """Return logits (cells, n_patterns) and embedding (cells, 128)."""
        return self.finish(*self.early(approximation, details))

    def early_modules(self) -> tuple[nn.Module, nn.Module]:
        """Return the two parts that stay fixed while fine-tuning."""
        return self.approximation.early, self.details.early
