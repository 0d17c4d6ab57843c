"""Weights in safetensors with a JSON header; loading refuses what it cannot explain."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from cellquery.core import WeightsError
from cellquery.core.durable import replacing
from cellquery.core.places import Place, on_disk, path_or_url
from cellquery.models.network import Network

_HEADER_KEY = "cellquery"


def write_weights(path: Place, weights: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header so that the file is either whole or not there."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    with replacing(path) as file:
        file.write(save(tensors, metadata={_HEADER_KEY: json.dumps(header, sort_keys=True)}))


def read_header(path: str | Place) -> dict[str, Any]:
    """Return the JSON header of a file of weights.

    Raises
    ------
    WeightsError
        When the file is missing, is not safetensors or was not written by cellquery.
    """
    return _read(path_or_url(path), with_weights=False)[0]


def read_weights(path: str | Place) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file of weights; raises like `read_header`."""
    return _read(path_or_url(path), with_weights=True)


def _read(path: Place, *, with_weights: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if path.is_dir():
        raise WeightsError(path, "is a folder", "give the model.safetensors that is in it")
    if not path.is_file():
        raise WeightsError(path, "no such file", "give the model.safetensors of a training")
    try:
        with on_disk(path) as copy, safe_open(copy, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = (
                {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                if with_weights
                else {}
            )
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            path, f"not a whole safetensors file ({error})", "copy or train it again"
        ) from error
    try:
        header = json.loads(metadata[_HEADER_KEY])
    except (KeyError, json.JSONDecodeError) as error:
        raise WeightsError(
            path, "has no cellquery header", "use a model that cellquery trained"
        ) from error
    return header, weights


def load_state(network: nn.Module, weights: dict[str, Tensor], where: str | Place) -> None:
    """Load tensors into a network that must match them in every name and shape.

    Raises
    ------
    WeightsError
        Naming the first tensors that are missing, unexpected, of another shape or not finite.
    """
    wanted = network.state_dict()
    faults = [f"{name} is missing" for name in wanted if name not in weights]
    faults += [f"{name} is unexpected" for name in weights if name not in wanted]
    faults += [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    faults += [
        f"{name} holds values that are not finite"
        for name, tensor in weights.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]
    if faults:
        more = f" and {len(faults) - 3} more faults" if len(faults) > 3 else ""
        raise WeightsError(
            where, "; ".join(faults[:3]) + more, "use weights of the same network and version"
        )
    network.load_state_dict(weights)


def transfer_weights(source: Network, target: Network) -> list[str]:
    """Copy every weight but the last layer's into a network for another list of patterns.

    The explicit move from five to six patterns after the initial learning: all layers are kept,
    those whose shape depends on the patterns are left as the target has them.

    Parameters
    ----------
    source, target : Network
        Networks that differ in nothing but their patterns.

    Returns
    -------
    list of str
        The names that were not copied.

    Raises
    ------
    WeightsError
        When anything but the heads differs.
    """
    heads = tuple(f"{head}." for head in target.heads)
    own = {name: kept for name, kept in target.state_dict().items() if name.startswith(heads)}
    learnt = source.state_dict().items()
    shared = {name: tensor for name, tensor in learnt if not name.startswith(heads)}
    target.make_room(shared)
    load_state(target, shared | own, "initial model")
    return list(own)
