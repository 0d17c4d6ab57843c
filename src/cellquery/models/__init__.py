"""Networks of every kind, ours and those it is compared with, and the files they are kept in."""

from cellquery.models.classifier import FORWARD_CELLS, Classifier
from cellquery.models.layers import LayerRow, layer_table, multiply_adds
from cellquery.models.network import Network, NetworkOptions, NetworkOutput, Show
from cellquery.models.parallel import ParallelResNet
from cellquery.models.registry import (
    NETWORKS,
    build_network,
    network_kind,
    network_options,
    side_fault,
)
from cellquery.models.residual import ResidualBlock
from cellquery.models.weights import read_header, transfer_weights

__all__ = [
    "FORWARD_CELLS",
    "NETWORKS",
    "Classifier",
    "LayerRow",
    "Network",
    "NetworkOptions",
    "NetworkOutput",
    "ParallelResNet",
    "ResidualBlock",
    "Show",
    "build_network",
    "layer_table",
    "multiply_adds",
    "network_kind",
    "network_options",
    "read_header",
    "side_fault",
    "transfer_weights",
]
