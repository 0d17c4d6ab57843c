"""The LeNet-5-like network of Gao et al."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cellquery.models.network import Network, NetworkOutput


class ScaledTanh(nn.Module):
    """1.7159 tanh(2 x / 3), which maps 1 to 1 (LeCun et al. 1998)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the same shape, between -1.7159 and 1.7159."""
        return 1.7159 * torch.tanh(features * (2 / 3))


class LeNet5(Network):
    """Three convolutions and two fully connected layers on 78 x 78 px, without padding.

    Convolutions of 7x7x6, 4x4x16 and 3x3x32, max-pooling by 2, 3 and 3, 150 hidden units and a
    softmax: 78, 72, 36, 33, 11, 9, 3. With six patterns and one channel it has 50,748 parameters.
    Known: all of this, and the activation. Guessed: that the activation follows every convolution
    and the hidden layer, and the initial weights, uniform as Glorot & Bengio 2010 draw them for
    tanh. It is computed after the pooling: the greatest of increasing values is the value of the
    greatest, and there are four to nine times fewer of them.

    References
    ----------
    Gao et al. 2017, IEEE J. Biomed. Health Inform. 21, 416-428.
    """

    name = "lenet5"
    title = "LeNet-5-like network (Gao et al. 2017)"
    sides = range(78, 79)
    n_embedding = 150

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__(n_patterns, n_channels)
        self.features = nn.Sequential(
            nn.Conv2d(n_channels, 6, 7),
            nn.MaxPool2d(2),
            ScaledTanh(),
            nn.Conv2d(6, 16, 4),
            nn.MaxPool2d(3),
            ScaledTanh(),
            nn.Conv2d(16, 32, 3),
            nn.MaxPool2d(3),
            ScaledTanh(),
        )
        self.hidden = nn.Linear(32 * 3 * 3, self.n_embedding)
        self.activation = ScaledTanh()
        self.head = nn.Linear(self.n_embedding, n_patterns)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding of images (cells, n_channels, 78, 78)."""
        (images,) = features
        embedding = self.activation(self.hidden(self.features(images).flatten(1)))
        return NetworkOutput(self.head(embedding), embedding)
