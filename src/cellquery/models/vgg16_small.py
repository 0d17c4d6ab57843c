"""The VGG-16-like network that was trained from scratch."""

from __future__ import annotations

from torch import Tensor, nn

from cellquery.models.network import Network, NetworkOutput

_CHANNELS = ((16, 16), (32, 32), (64, 64, 64), (128, 128, 128), (128, 128, 128))
_HIDDEN = 512


class SmallVGG16(Network):
    """Thirteen 3x3 convolutions in five pooled groups and three fully connected layers, narrow.

    A reconstruction. Known: "a VGG-16-like network" for cells of about 70 px, trained from scratch
    with rotations. Guessed: the side of 64 px, a quarter of VGG-16's channels, batch normalisation
    after each convolution, pooling of what is left to 2 x 2, and 512 hidden units instead of 4,096.
    With six patterns and one channel it has 1,449,942 parameters.

    References
    ----------
    Jia (in the paper: Xi) et al. 2016, Proc. ICPR, 77-80; Simonyan & Zisserman 2015,
    arXiv:1409.1556.
    """

    name = "vgg16-small"
    title = "VGG-16-like network (after Jia et al. 2016)"
    sides = range(32, 1025)
    n_embedding = _HIDDEN

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__(n_patterns, n_channels)
        layers: list[nn.Module] = []
        n_in = n_channels
        for group in _CHANNELS:
            for n_out in group:
                convolution = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                layers += [convolution, nn.BatchNorm2d(n_out), nn.ReLU()]
                n_in = n_out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.hidden = nn.Sequential(
            nn.Linear(4 * n_in, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(_HIDDEN, n_patterns)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding of images (cells, n_channels, side, side)."""
        (images,) = features
        embedding = self.hidden(self.features(images))
        return NetworkOutput(self.head(embedding), embedding)
