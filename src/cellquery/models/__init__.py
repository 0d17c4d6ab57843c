"""The parallel residual network and the files its weights are kept in."""

from cellquery.models.classifier import FORWARD_CELLS, Classifier
from cellquery.models.layers import LayerRow, layer_table
from cellquery.models.parallel import NetworkOutput, ParallelResNet
from cellquery.models.residual import ResidualBlock
from cellquery.models.weights import read_header, transfer_weights

__all__ = [
    "FORWARD_CELLS",
    "Classifier",
    "LayerRow",
    "NetworkOutput",
    "ParallelResNet",
    "ResidualBlock",
    "layer_table",
    "read_header",
    "transfer_weights",
]
