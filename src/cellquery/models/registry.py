"""Kinds of networks by name, with their options checked."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from cellquery.core import SettingsError
from cellquery.core.validation import settings_fault
from cellquery.models.cross_modal import CrossModalResNet50
from cellquery.models.dcr_net import DCRNet
from cellquery.models.fisher_svm import FisherSvm
from cellquery.models.four_branch import FourBranchResNet
from cellquery.models.frozen_backbone import FrozenBackbone
from cellquery.models.imagenet import VGG16, VGG19, AlexNet, ResNet50
from cellquery.models.lenet5 import LeNet5
from cellquery.models.network import Network, NetworkOptions
from cellquery.models.parallel import ParallelResNet
from cellquery.models.texture_svm import TextureSvm
from cellquery.models.vgg16_small import SmallVGG16

_KINDS: dict[str, type[Network]] = {
    kind.name: kind
    for kind in (
        ParallelResNet,
        FourBranchResNet,
        LeNet5,
        SmallVGG16,
        DCRNet,
        AlexNet,
        VGG16,
        VGG19,
        ResNet50,
        CrossModalResNet50,
        FisherSvm,
        TextureSvm,
        FrozenBackbone,
    )
}

NETWORKS: tuple[str, ...] = tuple(_KINDS)


def network_kind(name: str) -> type[Network]:
    """Return the class of a kind of network.

    Raises
    ------
    SettingsError
        When there is none of this name.
    """
    if name not in _KINDS:
        raise SettingsError("network", f"no network '{name}'", f"choose {', '.join(NETWORKS)}")
    return _KINDS[name]


def network_options(name: str, options: dict[str, Any]) -> NetworkOptions:
    """Return the options of a kind, defaults filled in.

    Raises
    ------
    SettingsError
        Naming the first unknown option or value out of range.
    """
    kind = network_kind(name)
    try:
        return kind.Options(**options)
    except ValidationError as error:
        where = f"network {name}"
        raise settings_fault(error, kind.Options, where, "mend this option") from error


def build_network(name: str, n_patterns: int, n_channels: int, options: NetworkOptions) -> Network:
    """Return a network of random weights."""
    return network_kind(name).build(n_patterns, n_channels, options)


def side_fault(name: str, side_px: int) -> str | None:
    """Return what is wrong with a side of prepared images for a kind, or None."""
    sides = network_kind(name).sides
    if side_px in sides:
        return None
    if len(sides) == 1:
        taken = f"{sides[0]} alone"
    else:
        step = f" in steps of {sides.step}" if sides.step > 1 else ""
        taken = f"{sides[0]} to {sides[-1]}{step}"
    return f"inputs.side_px = {side_px}: network '{name}' takes {taken}"
