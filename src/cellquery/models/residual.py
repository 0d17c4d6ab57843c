"""The pre-activation residual block of Figure 5."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Shortcut = Literal["projection", "zero-padding"]


class ResidualBlock(nn.Module):
    """BN, ReLU, 3x3 convolution, BN, ReLU, 3x3 convolution, plus a shortcut round all six.

    Figure 5 draws two convolutions, two ReLU and two batch normalisations a block but not its
    shortcut; it is taken as the identity of pre-activation networks (He et al. 2016,
    doi:10.1007/978-3-319-46493-0_38).

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input and of both convolutions.
    shortcut : {"projection", "zero-padding"}
        Where the channels change: a 1x1 convolution, or the input with channels of zeros added.
    """

    def __init__(self, n_in: int, n_out: int, shortcut: Shortcut = "projection") -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.n_added = n_out - n_in
        self.projection = (
            nn.Conv2d(n_in, n_out, 1, bias=False)
            if self.n_added and shortcut == "projection"
            else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (cells, n_out, height, width)."""
        residual = self.conv1(F.relu(self.norm1(features)))
        residual = self.conv2(F.relu(self.norm2(residual)))
        if self.projection is not None:
            features = self.projection(features)
        elif self.n_added:
            features = F.pad(features, (0, 0, 0, 0, 0, self.n_added))
        return features + residual
