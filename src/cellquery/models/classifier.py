"""A network with all that its numbers depend on: patterns, input settings, provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from cellquery import __version__
from cellquery.core import RESEARCH_USE_ONLY, WeightsError
from cellquery.models.parallel import NetworkOutput, ParallelResNet
from cellquery.models.weights import load_state, read_weights, write_weights
from cellquery.wavelets import InputSettings, network_inputs

FORMAT = 1

FORWARD_CELLS = 64
"""Cells of a forward pass when nothing is learnt: of more, features leave the processor's cache
(128 were as fast, 256 took half as long again for each cell)."""


@dataclass
class Classifier:
    """The parallel network together with its list of patterns and its input settings.

    Attributes
    ----------
    network : ParallelResNet
    patterns : tuple of str
        The pattern of each output, in order.
    inputs : InputSettings
        How cells become the network's inputs.
    provenance : dict
        Where the weights come from: training settings, seed, data, versions.
    """

    network: ParallelResNet
    patterns: tuple[str, ...]
    inputs: InputSettings
    provenance: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fresh(
        cls,
        patterns: tuple[str, ...],
        inputs: InputSettings,
        *,
        seed: int,
        shortcut: Any = "projection",
    ) -> Self:
        """Return an untrained classifier whose weights depend on nothing but the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ParallelResNet(len(patterns), inputs.n_channels, shortcut)
        return cls(network, patterns, inputs)

    def channels_last(self, device: str | torch.device) -> ParallelResNet:
        """Return the network on a device, in the memory layout that it is fastest in."""
        network = self.network.to(device)
        # Module.to(memory_format=...) works and is documented, but is not in torch's type hints.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> NetworkOutput:
        """Return logits and embeddings of prepared images (cells, channels, height, width)."""
        output: NetworkOutput = self.network(*self.bands(images))
        return output

    def bands(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two inputs of the network, in the memory layout that it is fastest in."""
        if self.inputs.mean is not None and self.inputs.std is not None:
            images = (images - self.inputs.mean) / self.inputs.std
        approximation, details = network_inputs(images, self.inputs.wavelet, self.inputs.details)
        layout = torch.channels_last
        return approximation.contiguous(memory_format=layout), details.contiguous(
            memory_format=layout
        )

    def save(self, path: str | Path) -> None:
        """Write weights and header as safetensors; the file is either whole or not there."""
        header = {
            "format": FORMAT,
            "notice": RESEARCH_USE_ONLY,
            "cellquery": __version__,
            "network": {
                "name": "parallel-resnet",
                "n_channels": self.network.n_channels,
                "shortcut": self.network.shortcut,
            },
            "patterns": list(self.patterns),
            "inputs": self.inputs.model_dump(),
            "provenance": self.provenance,
        }
        write_weights(Path(path), self.network.state_dict(), header)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the classifier kept in a file.

        Raises
        ------
        WeightsError
            When the file is damaged, of another format or network, or does not fit its header.
        """
        header, weights = read_weights(path)
        try:
            form, kind = header["format"], header["network"]["name"]
            if form != FORMAT or kind != "parallel-resnet":
                raise WeightsError(
                    path,
                    f"format {form} of network '{kind}' is not one this version reads",
                    "use the version of cellquery that wrote it",
                )
            inputs = InputSettings(**header["inputs"])
            patterns = tuple(header["patterns"])
            network = ParallelResNet(
                len(patterns), header["network"]["n_channels"], header["network"]["shortcut"]
            )
            provenance = header["provenance"]
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                path, f"its header is damaged ({error})", "copy or train it again"
            ) from error
        if inputs.n_channels != network.n_channels:
            raise WeightsError(
                path,
                f"the header promises {inputs.n_channels} channels, the network has "
                f"{network.n_channels}",
                "copy or train it again",
            )
        load_state(network, weights, path)
        network.eval()
        return cls(network, patterns, inputs, provenance)
