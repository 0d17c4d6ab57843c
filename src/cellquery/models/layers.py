"""The layers of a network, read off the real module: of ours, those of Figure 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cellquery.models.network import Network
from cellquery.wavelets import InputSettings


@dataclass(frozen=True)
class LayerRow:
    """One layer as it ran: its place, kind, kernel, output shape and number of weights."""

    name: str
    kind: str
    kernel: str
    output: tuple[int, ...]
    n_parameters: int
    n_multiply_adds: int


_KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "Conv",
    nn.MaxPool2d: "Pooling",
    nn.AvgPool2d: "Pooling",
    nn.AdaptiveAvgPool2d: "Pooling",
    nn.BatchNorm2d: "BN, ReLU",
    nn.Linear: "FC",
}


def layer_table(network: Network, side_px: int = 112) -> list[LayerRow]:
    """Return the layers in the order in which they run on one cell of ``side_px``.

    Parameters
    ----------
    network : Network
    side_px : int
        Side of the prepared image, before any wavelet transform.

    Returns
    -------
    list of LayerRow
        ``output`` is (channels, height, width), or (features,) for a fully connected layer. Layers
        that run only while training are not there.
    """
    rows: list[LayerRow] = []

    def watch(name: str, module: nn.Module) -> Any:
        def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kernel, multiply_adds = "", 0
            if isinstance(module, nn.Conv2d):
                kernel = "{} x {}".format(*module.kernel_size)
                multiply_adds = module.weight.numel() * output.shape[2] * output.shape[3]
            elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
                kernel = f"{module.kernel_size} x {module.kernel_size}"
            elif isinstance(module, nn.Linear):
                multiply_adds = module.weight.numel()
            n_parameters = sum(weight.numel() for weight in module.parameters())
            rows.append(
                LayerRow(
                    name,
                    _KINDS[type(module)],
                    kernel,
                    tuple(output.shape[1:]),
                    n_parameters,
                    multiply_adds,
                )
            )

        return module.register_forward_hook(record)

    hooks = [
        watch(name, module) for name, module in network.named_modules() if type(module) in _KINDS
    ]
    try:
        _run(network, side_px)
    finally:
        for hook in hooks:
            hook.remove()
    return rows


def multiply_adds(network: Network, side_px: int) -> int:
    """Return the multiply-adds of torch's convolutions and matrix products for one cell.

    Work outside torch, as that of hand-crafted features, is not counted.
    """
    # Slow to import, and seldom asked for.
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        _run(network, side_px)
    return counter.get_total_flops() // 2


@torch.no_grad()
def _run(network: Network, side_px: int) -> None:
    """Run one black cell through a network, and leave it as it was."""
    was_training = network.training
    # Not all that was learnt need be parameters.
    device = next(iter(network.state_dict().values())).device
    cell = torch.zeros(1, network.n_channels, side_px, side_px, device=device)
    try:
        network.eval()(*network.inputs(cell, InputSettings(side_px=side_px)))
    finally:
        network.train(was_training)
