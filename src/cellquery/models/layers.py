"""The layer table of Figure 5, read off the real module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cellquery.models.parallel import ParallelResNet


@dataclass(frozen=True)
class LayerRow:
    """One layer as it ran: its place, kind, kernel, output shape and number of weights."""

    name: str
    kind: str
    kernel: str
    output: tuple[int, ...]
    n_parameters: int
    n_multiply_adds: int


_KINDS = {
    nn.Conv2d: "Conv",
    nn.MaxPool2d: "Pooling",
    nn.BatchNorm2d: "BN, ReLU",
    nn.Linear: "FC",
}


def layer_table(network: ParallelResNet, side_px: int = 112) -> list[LayerRow]:
    """Return the layers in the order in which they run on one cell of ``side_px``.

    Parameters
    ----------
    network : ParallelResNet
    side_px : int
        Side of the cell before the wavelet transform.

    Returns
    -------
    list of LayerRow
        ``output`` is (channels, height, width), or (patterns,) for the last layer.
    """
    rows: list[LayerRow] = []

    def watch(name: str, module: nn.Module) -> Any:
        def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kernel, multiply_adds = "", 0
            if isinstance(module, nn.Conv2d):
                kernel = "{} x {}".format(*module.kernel_size)
                multiply_adds = module.weight.numel() * output.shape[2] * output.shape[3]
            elif isinstance(module, nn.MaxPool2d):
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
    was_training = network.training
    band = torch.zeros(1, network.n_channels, side_px // 2, side_px // 2)
    try:
        with torch.no_grad():
            network.eval()(band, band)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return rows
