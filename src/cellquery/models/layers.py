"""The layers of a network, read off the real module: of ours, those of Figure 5."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

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
    nn.BatchNorm2d: "BN",
    nn.Linear: "FC",
}

_NUMBERS = count(2)


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
        that run only while training are not there. A batch norm whose output goes into a ReLU is
        one row with it, as in Figure 5.
    """
    rows: list[LayerRow] = []
    rectified = _Rectified(rows)

    def watch(name: str, module: nn.Module) -> Any:
        def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kernel, multiply_adds = "", 0
            if isinstance(module, nn.Conv2d):
                kernel = "{} x {}".format(*module.kernel_size)
                multiply_adds = module.weight.numel() * output.shape[2] * output.shape[3]
            elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
                kernel = f"{module.kernel_size} x {module.kernel_size}"
            elif isinstance(module, nn.Linear):
                n_tokens = output.numel() // module.out_features
                multiply_adds = module.weight.numel() * n_tokens
            rectified.normed = output if isinstance(module, nn.BatchNorm2d) else None
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
        with rectified:
            _run(network, side_px)
    finally:
        for hook in hooks:
            hook.remove()
    return rows


class _Rectified(TorchFunctionMode):
    """Renames the last row where it is a batch norm whose output a ReLU is given."""

    def __init__(self, rows: list[LayerRow]) -> None:
        super().__init__()
        self.rows = rows
        self.normed: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.relu and args[0] is self.normed:
            self.rows[-1] = replace(self.rows[-1], kind="BN, ReLU")
        return func(*args, **(kwargs or {}))


def outside_torch(network: Network) -> bool:
    """Return whether a network computes what it sees of a cell outside torch, all but its head."""
    layers = {name for name, module in network.named_modules() if type(module) in _KINDS}
    return network.learns_at_once and layers <= set(network.heads)


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
    """Run one flat cell through a network, and leave it as it was."""
    was_training = network.training
    # Not all that was learnt need be parameters.
    device = next(iter(network.state_dict().values())).device
    # Another cell each time: what is remembered of one would not run again.
    level = 1 / next(_NUMBERS)
    cell = torch.full((1, network.n_channels, side_px, side_px), level, device=device)
    try:
        network.eval()(*network.inputs(cell, InputSettings(side_px=side_px)))
    finally:
        network.train(was_training)
