"""Small members of the families whose real members would take minutes in a test."""

from __future__ import annotations

import torch
from torch import nn

from cellquery.models.cross_modal import CrossModalResNet50
from cellquery.models.extras import optional
from cellquery.models.imagenet import VGG16


class TinyVGG(VGG16):
    """torchvision's VGG with few channels."""

    name = "tiny-vgg"

    @classmethod
    def standard(cls) -> nn.Module:
        vgg = optional("torchvision.models.vgg")
        with torch.device("meta"):  # its own hidden layers are large, and are replaced
            made: nn.Module = vgg.VGG(nn.Identity(), init_weights=False)
        made.features = vgg.make_layers([8, "M", 16, "M"])
        made.avgpool = nn.AdaptiveAvgPool2d(1)
        made.classifier = nn.Sequential(
            nn.Linear(16, 24),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(24, 24),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(24, 10),
        )
        return made


class TinyCrossModal(CrossModalResNet50):
    """torchvision's ResNet with one narrow bottleneck a stage."""

    name = "tiny-cross-modal"

    @classmethod
    def standard(cls) -> nn.Module:
        resnet = optional("torchvision.models.resnet")
        made: nn.Module = resnet.ResNet(
            resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, width_per_group=4
        )
        return made
