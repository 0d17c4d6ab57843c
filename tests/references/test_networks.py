"""Networks against sizes and counts worked by hand, and against torchvision's own modules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cellquery.models import (
    NETWORKS,
    Network,
    build_network,
    layer_table,
    multiply_adds,
    network_kind,
    network_options,
)
from cellquery.models.dcr_net import CrossBlock
from cellquery.models.extras import optional
from cellquery.models.imagenet import GREY_MEAN, GREY_STD
from cellquery.models.lenet5 import LeNet5, ScaledTanh
from cellquery.wavelets import InputSettings, dwt2


def built(name: str, n_patterns: int = 6, n_channels: int = 1, **options: Any) -> Network:
    if "weights" in network_kind(name).Options.model_fields:
        options = {"weights": "random", **options}
    return build_network(name, n_patterns, n_channels, network_options(name, options))


def n_parameters(network: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def norm(n: int) -> int:
    return 2 * n


def branch() -> int:
    first = 9 * 32
    same = norm(32) + 9 * 32 * 32 + norm(32) + 9 * 32 * 32
    wider = norm(32) + 9 * 32 * 64 + norm(64) + 9 * 64 * 64 + 32 * 64
    return first + same + wider


def fused(n_branches: int) -> int:
    fusion = 64 * n_branches * 64
    late = norm(64) + 9 * 64 * 128 + norm(128) + 9 * 128 * 128 + 64 * 128
    return n_branches * branch() + fusion + late + norm(128) + 128 * 6 + 6


def lenet() -> int:
    convolutions = (49 * 6 + 6) + (16 * 6 * 16 + 16) + (9 * 16 * 32 + 32)
    return convolutions + (3 * 3 * 32 * 150 + 150) + (150 * 6 + 6)


def small_vgg() -> int:
    widths = [1, 16, 16, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128]
    convolutions = sum(9 * n_in * n_out + norm(n_out) for n_in, n_out in pairwise(widths))
    return convolutions + (4 * 128 * 512 + 512) + (512 * 512 + 512) + (512 * 6 + 6)


def dcr() -> int:
    def block(n_in: int, n_middle: int, n_out: int) -> int:
        convolutions = n_in * n_middle + 9 * n_middle**2 + n_middle * n_out
        return convolutions + 2 * norm(n_middle) + norm(n_out)

    total, n_in = 9 * 64 + norm(64), 64
    for n_middle, n_out in ((32, 128), (64, 256), (128, 512)):
        total += block(n_in, n_middle, n_out) + n_in * n_out + norm(n_out)
        total += 2 * block(n_out, n_middle, n_out)
        n_in = n_out
    return total + 512 * 6 + 6


# Published totals of torchvision, less the 1,000 classes and two colours of the first layer.
ALEXNET = 61_100_840 - 4097 * 1000 - 2 * 64 * 121 + 4097 * 6
VGG16 = 138_357_544 - 4097 * 1000 - 2 * 64 * 9 + 4097 * 6
VGG19 = 143_667_240 - 4097 * 1000 - 2 * 64 * 9 + 4097 * 6
RESNET50 = 25_557_032 - 2049 * 1000 - 2 * 64 * 49 + 2049 * 6


@pytest.mark.parametrize(
    ("name", "expected", "written"),
    [
        ("parallel", fused(2), 391_750),
        ("four-branch", fused(4), 552_710),
        ("lenet5", lenet(), 50_748),
        ("vgg16-small", small_vgg(), 1_449_942),
        ("dcr-net", dcr(), 1_239_366),
        ("alexnet", ALEXNET, 57_012_934),
        ("vgg16", VGG16, 134_283_974),
        ("vgg19", VGG19, 139_593_670),
        ("resnet50", RESNET50, 23_514_054),
        ("cross-modal-resnet50", RESNET50 + 513 * 6 + 1025 * 6, 23_523_282),
    ],
)
def test_parameter_counts_are_those_worked_by_hand(name: str, expected: int, written: int) -> None:
    # On the meta device nothing is drawn or kept: half a gigabyte of VGG is only counted.
    with torch.device("meta"):
        network = built(name)
    assert n_parameters(network) == expected == written
    documented = type(network).__doc__ or ""
    assert name == "parallel" or f"{written:,}" in documented


def test_every_network_has_a_count_worked_by_hand() -> None:
    counted = {
        argument[0]
        for argument in test_parameter_counts_are_those_worked_by_hand.pytestmark[0].args[1]  # type: ignore[attr-defined]
    }
    taught_by_gradients = {name for name in NETWORKS if not network_kind(name).learns_at_once}
    assert counted == taught_by_gradients


@pytest.mark.parametrize(
    ("name", "side_px", "expected"),
    [
        (
            "lenet5",
            78,
            {
                "features.0": (6, 72, 72),
                "features.1": (6, 36, 36),
                "features.3": (16, 33, 33),
                "features.4": (16, 11, 11),
                "features.6": (32, 9, 9),
                "features.7": (32, 3, 3),
                "hidden": (150,),
                "head": (6,),
            },
        ),
        (
            "vgg16-small",
            64,
            {
                "features.0": (16, 64, 64),
                "features.6": (16, 32, 32),
                "features.13": (32, 16, 16),
                "features.23": (64, 8, 8),
                "features.33": (128, 4, 4),
                "features.43": (128, 2, 2),
                "hidden.0": (512,),
                "head": (6,),
            },
        ),
        (
            "dcr-net",
            80,
            {
                "stem.0": (64, 80, 80),
                "stem.3": (64, 40, 40),
                "blocks.0.conv1": (32, 20, 20),
                "blocks.2.conv3": (128, 20, 20),
                "blocks.3.conv2": (64, 10, 10),
                "blocks.8.conv3": (512, 5, 5),
                "head": (6,),
            },
        ),
        (
            "four-branch",
            112,
            {
                "horizontal.early.0": (32, 56, 56),
                "diagonal.late.conv2": (64, 14, 14),
                "fusion": (64, 14, 14),
                "late.conv2": (128, 14, 14),
                "head": (6,),
            },
        ),
        (
            "alexnet",
            224,
            {
                "body.features.0": (64, 55, 55),
                "body.features.12": (256, 6, 6),
                "body.classifier.1": (4096,),
                "head": (6,),
            },
        ),
        (
            "resnet50",
            224,
            {
                "body.conv1": (64, 112, 112),
                "body.layer2.3.conv3": (512, 28, 28),
                "body.layer4.2.conv3": (2048, 7, 7),
                "head": (6,),
            },
        ),
    ],
)
def test_layers_have_the_sizes_worked_by_hand(
    name: str, side_px: int, expected: dict[str, tuple[int, ...]]
) -> None:
    with torch.device("meta"):  # sizes need no numbers
        network = built(name)
    rows = {row.name: row for row in layer_table(network, side_px)}
    assert {layer: rows[layer].output for layer in expected} == expected
    assert sum(row.n_parameters for row in rows.values()) == n_parameters(network)
    by_layers = sum(row.n_multiply_adds for row in rows.values())
    assert by_layers == multiply_adds(network, side_px)


@pytest.mark.parametrize(
    ("name", "side_px", "expected"),
    [
        ("parallel", 16, {"norm": "BN, ReLU", "late.norm1": "BN, ReLU", "late.conv1": "Conv"}),
        ("vgg16-small", 32, {"features.1": "BN, ReLU"}),
        ("dcr-net", 16, {"blocks.0.norm1": "BN, ReLU", "blocks.0.norm3": "BN"}),
        ("resnet50", 64, {"body.layer1.0.bn2": "BN, ReLU", "body.layer1.0.bn3": "BN"}),
    ],
)
def test_a_batch_norm_is_one_row_with_a_relu_only_where_one_follows(
    name: str, side_px: int, expected: dict[str, str]
) -> None:
    with torch.device("meta"):
        network = built(name)
    kinds = {row.name: row.kind for row in layer_table(network, side_px)}
    assert {layer: kinds[layer] for layer in expected} == expected


def test_multiply_adds_of_the_lenet_are_those_worked_by_hand() -> None:
    convolutions = 72**2 * 49 * 6 + 33**2 * 16 * 6 * 16 + 9**2 * 9 * 16 * 32
    assert multiply_adds(LeNet5(6), 78) == convolutions + 288 * 150 + 150 * 6


def test_the_activation_of_the_lenet_maps_one_to_one() -> None:
    found = ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 100.0]))
    torch.testing.assert_close(found, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), atol=1e-4, rtol=0)


def test_the_lenet_is_these_operations() -> None:
    network, cell = LeNet5(3).eval(), torch.rand(2, 1, 78, 78)
    weights = dict(network.named_parameters())

    def layer(number: int, features: Tensor, pool: int) -> Tensor:
        name = f"features.{number}"
        made = F.conv2d(features, weights[f"{name}.weight"], weights[f"{name}.bias"])
        return F.max_pool2d(1.7159 * torch.tanh(2 * made / 3), pool)

    features = layer(6, layer(3, layer(0, cell, 2), 3), 3).flatten(1)
    hidden = F.linear(features, weights["hidden.weight"], weights["hidden.bias"])
    hidden = 1.7159 * torch.tanh(2 * hidden / 3)
    logits = F.linear(hidden, weights["head.weight"], weights["head.bias"])
    output = network(cell)
    torch.testing.assert_close(output.logits, logits)
    torch.testing.assert_close(output.embedding, hidden)


def test_a_cross_block_without_convolutions_is_its_outer_shortcut() -> None:
    block = CrossBlock(8, 4, 8, 1).eval()
    torch.nn.init.zeros_(block.conv3.weight)
    features = torch.rand(2, 8, 6, 6)
    torch.testing.assert_close(block(features), features)


def test_the_inner_shortcut_of_a_cross_block_goes_round_its_3x3() -> None:
    block = CrossBlock(8, 8, 8, 1).eval()
    torch.nn.init.zeros_(block.conv2.weight)  # nothing but the inner shortcut is left of it
    for convolution in (block.conv1, block.conv3):
        with torch.no_grad():
            convolution.weight.copy_(torch.eye(8)[:, :, None, None])
    features = torch.rand(2, 8, 6, 6)
    # Identity, inner shortcut, identity, and the outer shortcut once more; BN divides by 1.
    torch.testing.assert_close(block(features), 2 * features, atol=1e-4, rtol=1e-4)


def test_each_band_goes_through_its_own_branch() -> None:
    network = built("four-branch").eval()
    images = torch.rand(2, 1, 32, 32)
    bands = network.inputs(images, InputSettings(side_px=32))
    for found, expected in zip(bands, dwt2(images), strict=True):
        torch.testing.assert_close(found, expected)
    early = network.early(*bands)
    for name, band, found in zip(network.bands, bands, early, strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(found, network.get_submodule(name).early(band))  # type: ignore[operator]
    torch.testing.assert_close(network.finish(*early).logits, network(*bands).logits)


@pytest.mark.parametrize("name", ["alexnet", "resnet50"])
def test_forward_is_that_of_torchvision_on_the_grey_image_repeated(name: str) -> None:
    """VGG-16 and VGG-19 differ from AlexNet in a list of layers, not in how they are wrapped."""
    models = optional("torchvision.models")
    torch.manual_seed(1)
    theirs = models.get_model(name, weights=None, num_classes=7).eval()
    ours = built(name, n_patterns=7)
    state = theirs.state_dict()
    ours.body.load_state_dict(ours._for_cells(state))  # type: ignore[operator, union-attr]
    last = ours.last  # type: ignore[attr-defined]
    ours.head.load_state_dict({key: state[f"{last}.{key}"] for key in ("weight", "bias")})
    images = torch.rand(2, 1, 96, 96)
    with torch.no_grad():
        output = ours.eval()(*ours.inputs(images, InputSettings(side_px=96)))
        expected = theirs(((images - GREY_MEAN) / GREY_STD).repeat(1, 3, 1, 1))
    torch.testing.assert_close(output.logits, expected, atol=1e-4, rtol=1e-4)


def test_side_classifiers_are_there_only_while_training() -> None:
    network = built("cross-modal-resnet50", n_patterns=3)
    plain = built("resnet50", n_patterns=3)
    shared = {k: v for k, v in network.state_dict().items() if not k.startswith("side_heads")}
    plain.load_state_dict(shared)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            network.eval()(images).logits, plain.eval()(images).logits, atol=1e-5, rtol=1e-5
        )
        sides = network.train()(images).sides
    assert [side.shape for side in sides] == [(2, 3), (2, 3)]
    assert network.eval()(images).sides == ()
