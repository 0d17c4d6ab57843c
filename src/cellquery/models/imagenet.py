"""The standard networks that are known for their ImageNet weights, from torchvision."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cellquery.models.extras import optional
from cellquery.models.network import Network, NetworkOutput
from cellquery.models.pretrained import RANDOM, PretrainedOptions, pretrained_state
from cellquery.models.weights import load_state
from cellquery.wavelets import InputSettings

GREY_MEAN, GREY_STD = 0.449, 0.226
"""Mean and standard deviation of ImageNet's training images, each averaged over the colours."""


class ImageNetNetwork(Network):
    """A network of torchvision with another last layer, for grey cells of any size it takes.

    Its first layer has one channel of weights for the grey level, the sum of the three it learnt
    for red, green and blue: exactly what it would give for the grey image repeated three times, at
    a third of the cost. A second channel, the mask, starts from weights of zero. Grey levels about
    0 to 1 are brought to the mean and standard deviation of ImageNet's images; those of ``dataset``
    normalisation have such ones already.

    Attributes
    ----------
    architecture : str
        Its name in torchvision, whose first published weights (IMAGENET1K_V1) are meant.
    first, last : str
        Where torchvision keeps the first convolution and the last layer.
    """

    Options = PretrainedOptions
    sides = range(32, 1025)
    architecture: ClassVar[str]
    first: ClassVar[str] = "features.0"
    last: ClassVar[str] = "classifier.6"

    def __init__(self, n_patterns: int, n_channels: int = 1) -> None:
        super().__init__(n_patterns, n_channels)
        self.body = self.standard()
        first = self.body.get_submodule(self.first)
        assert isinstance(first, nn.Conv2d)
        # The scale of random weights does not depend on how many channels come in.
        first.weight = nn.Parameter(first.weight.detach()[:, torch.arange(n_channels) % 3].clone())
        first.in_channels = n_channels
        last = self.body.get_submodule(self.last)
        assert isinstance(last, nn.Linear)
        self.n_embedding = last.in_features
        self.body.set_submodule(self.last, nn.Identity())
        self.head = nn.Linear(self.n_embedding, n_patterns)

    @classmethod
    def standard(cls) -> nn.Module:
        """Return torchvision's own module, of random weights, for the 1,000 ImageNet classes."""
        made: nn.Module = optional("torchvision.models").get_model(cls.architecture, weights=None)
        return made

    def start(self, options: PretrainedOptions) -> None:
        """Load the weights that options name into all layers but the last."""
        if options.weights == RANDOM:
            return
        what = f"ImageNet weights of {self.architecture}"
        state = pretrained_state(options, self._published, what)
        load_state(
            self.body, self._for_cells(state), what if options.sha256 is None else options.weights
        )

    def _published(self) -> dict[str, Any]:
        weights = optional("torchvision.models").get_model_weights(self.architecture)
        state: dict[str, Any] = weights.IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
        return state

    def _for_cells(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of torchvision's module as those of ``body``."""
        kept = {name: each for name, each in state.items() if not name.startswith(f"{self.last}.")}
        first = f"{self.first}.weight"
        if first in kept and kept[first].shape[1] == 3:
            grey = kept[first].sum(dim=1, keepdim=True)
            others = grey.new_zeros(len(grey), self.n_channels - 1, *grey.shape[2:])
            kept[first] = torch.cat([grey, others], dim=1)
        return kept

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return the images with grey levels as ImageNet's."""
        if settings.normalisation == "dataset":
            return (images,)
        return (torch.cat([(images[:, :1] - GREY_MEAN) / GREY_STD, images[:, 1:]], dim=1),)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and embedding of images (cells, n_channels, side, side)."""
        embedding = self.body(*features)
        return NetworkOutput(self.head(embedding), embedding)


class AlexNet(ImageNetNetwork):
    """AlexNet as torchvision has it: 57,012,934 parameters with six patterns and one channel.

    References
    ----------
    Krizhevsky et al. 2012, doi:10.1145/3065386; Krizhevsky 2014, arXiv:1404.5997.
    """

    name = "alexnet"
    title = "AlexNet (Krizhevsky et al. 2012)"
    sides = range(63, 1025)
    architecture = "alexnet"


class VGG16(ImageNetNetwork):
    """VGG-16: 134,283,974 parameters with six patterns and one channel.

    References
    ----------
    Simonyan & Zisserman 2015, arXiv:1409.1556; on HEp-2 cells Phan et al. 2016, Proc. ISBI,
    1208-1211.
    """

    name = "vgg16"
    title = "VGG-16 (Phan et al. 2016)"
    architecture = "vgg16"


class VGG19(ImageNetNetwork):
    """VGG-19: 139,593,670 parameters with six patterns and one channel.

    References
    ----------
    Simonyan & Zisserman 2015, arXiv:1409.1556.
    """

    name = "vgg19"
    title = "VGG-19 (Simonyan & Zisserman 2015)"
    architecture = "vgg19"


class ResNet50(ImageNetNetwork):
    """ResNet-50: 23,514,054 parameters with six patterns and one channel.

    References
    ----------
    He et al. 2016, doi:10.1109/CVPR.2016.90.
    """

    name = "resnet50"
    title = "ResNet-50 (He et al. 2016)"
    architecture = "resnet50"
    first, last = "conv1", "fc"
