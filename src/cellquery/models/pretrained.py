"""Weights learnt elsewhere: a library's own, or a local file whose digest is checked."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cellquery.core import WeightsError
from cellquery.models.network import NetworkOptions

RANDOM, IMAGENET = "random", "imagenet"


class PretrainedOptions(NetworkOptions):
    """Where the weights of a network that is usually learnt elsewhere come from.

    Attributes
    ----------
    weights : str
        ``imagenet``: those that torchvision publishes; ``random``: none; else a local file of a
        state dictionary, in safetensors or as ``torch.save`` writes it.
    sha256 : str or None
        The SHA-256 digest that a local file must have, in hexadecimal.
    """

    published: ClassVar[str] = IMAGENET
    """The word for the weights that the library publishes."""

    weights: str = IMAGENET
    sha256: str | None = Field(default=None, pattern="^[0-9a-fA-F]{64}$")

    @model_validator(mode="after")
    def _digest_of_a_file(self) -> Self:
        if (self.sha256 is None) != (self.weights in (RANDOM, self.published)):
            raise ValueError("a file of weights needs sha256, and nothing else has one")
        return self


def pretrained_state(
    options: PretrainedOptions, published: Callable[[], dict[str, Any]], what: str
) -> dict[str, Tensor]:
    """Return the weights that options other than ``random`` name.

    Parameters
    ----------
    options : PretrainedOptions
    published : callable
        Gives the published weights, by download or from a cache.
    what : str
        Names them in errors.

    Raises
    ------
    WeightsError
        When they cannot be had, or are not those that were asked for.
    """
    if options.sha256 is not None:
        return read_state(Path(options.weights), options.sha256)
    try:
        return published()
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:  # URLError is an OSError
        raise WeightsError(
            what,
            f"cannot be downloaded ({_first_line(error)})",
            "go on line once, or set options.weights to a local file with its options.sha256, "
            "or to 'random' to do without",
        ) from error


def read_state(path: Path, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a local file of this SHA-256 digest; nothing in it is run.

    Raises
    ------
    WeightsError
        When the file is missing, has another digest, or holds no plain tensors by name.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            path, f"cannot be read ({error.strerror})", "name a file of weights"
        ) from error
    if found != sha256.lower():
        raise WeightsError(
            path, f"has the SHA-256 {found}, not {sha256}", "use the file that the digest is of"
        )
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            with warnings.catch_warnings():
                # Of pickle protocols it may not know: what it does not know it refuses.
                warnings.simplefilter("ignore", UserWarning)
                state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(
            path, f"holds no plain weights ({_first_line(error)})", "save a state_dict alone"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise WeightsError(path, "holds more than tensors by name", "save a state_dict alone")
    if not state:
        raise WeightsError(path, "holds no weights", "save a state_dict")
    return state


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
