"""A network with all that its numbers depend on: patterns, input settings, provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from cellquery import __version__
from cellquery.core import RESEARCH_USE_ONLY, SettingsError, WeightsError
from cellquery.core.places import Place, path_or_url
from cellquery.models.network import Network, NetworkOptions, NetworkOutput
from cellquery.models.registry import NETWORKS, build_network, network_options, side_fault
from cellquery.models.weights import load_state, read_weights, write_weights
from cellquery.wavelets import InputSettings

FORMAT = 2
"""Format 1 held parallel networks alone and named its shortcut beside it."""

FORWARD_CELLS = 64
"""Cells of a forward pass when nothing is learnt: of more, features leave the processor's cache
(128 were as fast, 256 took half as long again for each cell)."""


@dataclass
class Classifier:
    """A network of any kind together with its list of patterns and its input settings.

    Attributes
    ----------
    network : Network
    patterns : tuple of str
        The pattern of each output, in order.
    inputs : InputSettings
        How cells become prepared images, and these the network's inputs.
    options : NetworkOptions
        What was chosen of the kind's options.
    provenance : dict
        Where the weights come from: training settings, seed, data, versions.
    """

    network: Network
    patterns: tuple[str, ...]
    inputs: InputSettings
    options: NetworkOptions
    provenance: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fresh(
        cls,
        patterns: tuple[str, ...],
        inputs: InputSettings,
        *,
        seed: int,
        network: str = "parallel",
        options: dict[str, Any] | None = None,
        start: bool = True,
    ) -> Self:
        """Return an untrained classifier; random weights depend on nothing but the seed.

        Parameters
        ----------
        patterns : tuple of str
        inputs : InputSettings
        seed : int
        network : str
            One of `NETWORKS`.
        options : dict or None
            Of this kind.
        start : bool
            Load the weights that the options start from, where the kind has such; False where
            others are loaded next.

        Raises
        ------
        SettingsError
            When the kind or an option is not known, or the kind does not take such images.
        WeightsError
            When weights that the options name cannot be had or do not fit.
        """
        chosen = network_options(network, options or {})
        if fault := side_fault(network, inputs.side_px):
            raise SettingsError("settings", fault, "choose another side or network")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = build_network(network, len(patterns), inputs.n_channels, chosen)
        if start:
            made.start(chosen)
        return cls(made, patterns, inputs, chosen)

    def unlike(self, network: str, options: dict[str, Any]) -> str | None:
        """Return what tells this network from one of a kind and options, or None if nothing."""
        if self.network.name != network:
            return f"is of network '{self.network.name}', not '{network}'"
        ours = self.options.model_dump()
        if ours != options:
            return f"was made with options {ours}, not {options}"
        return None

    def channels_last(self, device: str | torch.device) -> Network:
        """Return the network on a device, in the memory layout that it is fastest in."""
        network = self.network.to(device)
        # Module.to(memory_format=...) works and is documented, but is not in torch's type hints.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> NetworkOutput:
        """Return logits and embeddings of prepared images (cells, channels, height, width)."""
        output: NetworkOutput = self.network(*self.network_inputs(images))
        return output

    def network_inputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the inputs of the network, in the memory layout that it is fastest in."""
        if self.inputs.mean is not None and self.inputs.std is not None:
            images = (images - self.inputs.mean) / self.inputs.std
        inputs = self.network.inputs(images, self.inputs)
        return tuple(each.contiguous(memory_format=torch.channels_last) for each in inputs)

    def save(self, path: str | Place) -> None:
        """Write weights and header as safetensors; the file is either whole or not there."""
        header = {
            "format": FORMAT,
            "notice": RESEARCH_USE_ONLY,
            "cellquery": __version__,
            "network": {
                "name": self.network.name,
                "n_channels": self.network.n_channels,
                "options": self.options.model_dump(),
            },
            "patterns": list(self.patterns),
            "inputs": self.inputs.model_dump(),
            "provenance": self.provenance,
        }
        write_weights(path_or_url(path), self.network.state_dict(), header)

    @classmethod
    def load(cls, path: str | Place) -> Self:
        """Return the classifier kept in a file.

        Raises
        ------
        WeightsError
            When the file is damaged, of another format or network, or does not fit its header.
        """
        header, weights = read_weights(path)
        try:
            form, about = header["format"], header["network"]
            if form == 1:
                about = {**about, "name": "parallel", "options": {"shortcut": about["shortcut"]}}
            elif form != FORMAT or about["name"] not in NETWORKS:
                raise WeightsError(
                    path,
                    f"format {form} of network '{about['name']}' is not one this version reads",
                    "use the version of cellquery that wrote it",
                )
            inputs = InputSettings(**header["inputs"])
            patterns = tuple(header["patterns"])
            options = network_options(about["name"], about["options"])
            network = build_network(about["name"], len(patterns), about["n_channels"], options)
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
        network.make_room(weights)
        load_state(network, weights, path)
        network.eval()
        return cls(network, patterns, inputs, options, provenance)
