"""A linear layer whose weights were found by other means than gradient descent."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@torch.no_grad()
def set_linear(layer: nn.Linear, weights: NDArray[np.floating], bias: NDArray[np.floating]) -> None:
    """Give a layer weights (outputs, inputs) and bias (outputs,)."""
    layer.weight.copy_(torch.from_numpy(weights))
    layer.bias.copy_(torch.from_numpy(bias))
