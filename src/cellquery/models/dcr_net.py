"""The deep cross residual network (DCR-Net)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from cellquery.models.network import Network, NetworkOutput

_STAGES = ((32, 128), (64, 256), (128, 512))
_BLOCKS = 3
_STEM = 64


class CrossBlock(nn.Module):
    """A bottleneck of 1x1, 3x3 and 1x1 convolutions with a second shortcut round its 3x3.

    Parameters
    ----------
    n_in, n_middle, n_out : int
        Channels of the input, between the convolutions, and of the output.
    stride : int
        Of the first convolution, so that the inner shortcut is always the identity.
    """

    def __init__(self, n_in: int, n_middle: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_middle, 1, stride=stride, bias=False)
        self.norm1 = nn.BatchNorm2d(n_middle)
        self.conv2 = nn.Conv2d(n_middle, n_middle, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_middle)
        self.conv3 = nn.Conv2d(n_middle, n_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(n_out)
        self.projection = (
            nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out)
            )
            if n_in != n_out or stride > 1
            else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (cells, n_out, height / stride, width / stride)."""
        narrow = F.relu(self.norm1(self.conv1(features)))
        crossed = F.relu(self.norm2(self.conv2(narrow)) + narrow)
        return F.relu(self.norm3(self.conv3(crossed)) + self.projection(features))


class DCRNet(Network):
    """Residual bottlenecks with a cross shortcut inside each, in three stages.

    A reconstruction. Known: residual blocks with additional "cross connections between the
    layers", meant to let more information through. Guessed: where they go (round the 3x3
    convolution of a bottleneck), the depth (a 3x3 convolution and pooling, then three stages of
    three blocks, each halving the side first: 29 weight layers), the widths (128, 256 and 512
    channels out of a block) and global average pooling. With six patterns and one channel it has
    1,239,366 parameters.

    References
    ----------
    Shen et al. 2018, doi:10.1016/j.patcog.2018.05.005; He et al. 2016, doi:10.1109/CVPR.2016.90.
    """

    name = "dcr-net"
    title = "DCR-Net (after Shen et al. 2018)"
    sides = range(16, 1025)
    n_embedding = _STAGES[-1][1]

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__(n_patterns, n_channels)
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, _STEM, 3, padding=1, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        blocks, n_in = [], _STEM
        for n_middle, n_out in _STAGES:
            for place in range(_BLOCKS):
                blocks.append(CrossBlock(n_in, n_middle, n_out, 1 if place else 2))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(n_in, n_patterns)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding of images (cells, n_channels, side, side)."""
        (images,) = features
        embedding = self.blocks(self.stem(images)).mean(dim=(2, 3))
        return NetworkOutput(self.head(embedding), embedding)
