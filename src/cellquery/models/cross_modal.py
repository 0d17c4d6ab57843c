"""ResNet-50 with side classifiers, taught on a small set before the target set."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cellquery.models.imagenet import ResNet50
from cellquery.models.network import NetworkOutput


class CrossModalResNet50(ResNet50):
    """ResNet-50 whose second and third stage are taught by a classifier of their own, too.

    Known: ResNet-50 with ImageNet weights; side classifiers whose losses join that of the last
    layer while training; all layers learn a small set of HEp-2 cells first, then the target set
    (``initial`` in an experiment, ``--initial`` on the command line). Guessed: which of the four
    stages have one (the middle two), what it is (global average pooling and one layer) and its
    weight of 0.3, that of GoogLeNet's side classifiers. With six patterns and one channel it has
    23,523,282 parameters, 9,228 of them in side classifiers.

    References
    ----------
    Lei et al. 2018, Pattern Recognit. 79, 290-302.
    """

    name = "cross-modal-resnet50"
    title = "Cross-modal deeply supervised ResNet-50 (Lei et al. 2018)"
    heads = ("head", "side_heads")
    side_weight = 0.3

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__(n_patterns, n_channels)
        body: Any = self.body
        widths = [stage[-1].conv3.out_channels for stage in (body.layer2, body.layer3)]
        self.side_heads = nn.ModuleList(nn.Linear(width, n_patterns) for width in widths)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding of images, while training also the sides' logits."""
        (images,) = features
        body: Any = self.body
        first = body.layer1(body.maxpool(body.relu(body.bn1(body.conv1(images)))))
        second = body.layer2(first)
        third = body.layer3(second)
        embedding = body.layer4(third).mean(dim=(2, 3))
        sides: tuple[Tensor, ...] = ()
        if self.training:
            pairs = zip(self.side_heads, (second, third), strict=True)
            sides = tuple(head(stage.mean(dim=(2, 3))) for head, stage in pairs)
        return NetworkOutput(self.head(embedding), embedding, sides)
