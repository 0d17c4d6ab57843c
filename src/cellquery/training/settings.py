"""What a training does, as one frozen object; two named presets and any mixture of them."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cellquery.core import SettingsError
from cellquery.core.validation import none_of, settings_fault
from cellquery.models import NETWORKS, network_kind, network_options, side_fault
from cellquery.wavelets import InputSettings

Precision = Literal["32-true", "bf16-mixed"]


class Augmentation(BaseModel):
    """How training images are varied, anew in every epoch.

    Attributes
    ----------
    rotation : {"none", "steps-of-18", "quarter-turns", "any"}
        ``steps-of-18`` shows every cell at 20 angles in each epoch, as the paper does;
        ``quarter-turns`` needs no interpolation; ``any`` draws an angle for each cell.
    flips : bool
        Mirror half of the cells.
    scale : float
        Cells grow or shrink by up to this share.
    gamma : float
        Grey levels are raised to a power whose logarithm is uniform within this range; only for
        per-image normalisation, where levels lie about 0 to 1.
    blur_px : float
        Cells are blurred by a Gaussian of up to this standard deviation, as by poor focus.
    noise : float
        Normal noise is added to the grey levels, of a standard deviation drawn for each cell up
        to this, as by a camera of low light; only for per-image normalisation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotation: Literal["none", "steps-of-18", "quarter-turns", "any"] = "none"
    flips: bool = False
    scale: float = Field(default=0.0, ge=0, lt=0.5)
    gamma: float = Field(default=0.0, ge=0, le=1.5)
    blur_px: float = Field(default=0.0, ge=0, le=4)
    noise: float = Field(default=0.0, ge=0, le=0.5)

    @property
    def n_copies(self) -> int:
        """How often each cell is shown in one epoch."""
        return 20 if self.rotation == "steps-of-18" else 1


class TrainSettings(BaseModel):
    """Everything that decides a training but its cells and its seed.

    Attributes
    ----------
    inputs : InputSettings
    augmentation : Augmentation
    network : str
        A kind of network, one of `cellquery.models.NETWORKS`.
    options : dict
        Of this kind; those that are not given are filled in with their defaults.
    learning_rate : float
        The constant rate of Adam, or the peak of the one-cycle schedule (Smith & Topin 2019,
        doi:10.1117/12.2520589).
    weight_decay : float
        Decoupled from the gradient (AdamW) when above zero.
    batch_size : int
    schedule : {"constant", "one-cycle"}
    max_epochs : int
        The length of a one-cycle schedule, or the limit of a training stopped early.
    min_steps : int
        Train for more epochs where few cells would make fewer optimiser steps than this; nor does
        ``patience`` stop sooner.
    patience : int or None
        Stop after so many epochs in a row without a lower validation loss and restore the best
        weights; None trains to the end.
    validation_fraction : float
        Share of the labelled cells, per pattern, kept from training for early stopping. They
        count as labels.
    validation : {"labelled", "test", "none"}
        ``test`` is the paper's leak: its testing set was "used for validation".
    label_smoothing : float
    class_weights : {"none", "balanced"}
        ``balanced`` weighs each pattern by the inverse of its number of training cells.
    averaging : float
        Decay of an exponential moving average of the weights, per step; 0 for none.
    freeze_early : bool
        Keep the layers up to the second pooling, batch-norm statistics included, as they are.
    rehearsal : float
        How many cells of the initial learning join each labelled cell of a batch, so that what
        they taught is not forgotten; 0 for none (Robins 1995, doi:10.1080/09540099550039318). Of
        a network that learns at once all of them join, and together count that many times as
        much as the labelled cells.
    views : {1, 8}
        Predictions are averaged over so many views of a cell: 8 are its flips and quarter turns.
    precision : {"32-true", "bf16-mixed"}
        ``bf16-mixed`` multiplies in bfloat16 where the processor has instructions for it
        (AVX512-BF16 or AMX) and in 32 bits elsewhere; a GPU always does as asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: InputSettings = InputSettings()
    augmentation: Augmentation = Augmentation()
    network: str = "parallel"
    options: dict[str, Any] = Field(default={}, validate_default=True)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    batch_size: int = Field(default=128, ge=2, le=65536)
    schedule: Literal["constant", "one-cycle"] = "constant"
    max_epochs: int = Field(default=100, ge=1, le=10000)
    min_steps: int = Field(default=0, ge=0, le=1_000_000)
    patience: Annotated[int | None, BeforeValidator(none_of)] = Field(default=5, ge=1)
    validation_fraction: float = Field(default=0.1, gt=0, lt=0.9)
    validation: Literal["labelled", "test", "none"] = "labelled"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = "none"
    averaging: float = Field(default=0.0, ge=0, lt=1)
    freeze_early: bool = False
    rehearsal: float = Field(default=0.0, ge=0, le=16)
    views: Literal[1, 8] = 1
    precision: Precision = "32-true"

    @field_validator("network")
    @classmethod
    def _known(cls, network: str) -> str:
        if network not in NETWORKS:
            raise ValueError(f"no network '{network}': choose {', '.join(NETWORKS)}")
        return network

    @field_validator("options")
    @classmethod
    def _filled_in(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "network" not in info.data:  # its own fault is told already
            return options
        try:
            return network_options(info.data["network"], options).model_dump()
        except SettingsError as error:
            raise ValueError(error.fault) from error

    @model_validator(mode="after")
    def _fits_the_network(self) -> Self:
        kind = network_kind(self.network)
        if fault := side_fault(self.network, self.inputs.side_px):
            raise ValueError(fault)
        if self.freeze_early and not kind.has_early:
            raise ValueError(f"freeze_early: network '{self.network}' has no part to freeze")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.patience is not None and self.validation == "none":
            raise ValueError(
                "patience needs validation cells: set validation, or patience = 'none'"
            )
        for name in ("gamma", "noise"):
            if getattr(self.augmentation, name) and self.inputs.normalisation != "per-image":
                raise ValueError(f"augmentation.{name} needs inputs.normalisation = 'per-image'")
        return self

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the settings of a preset: see `PRESETS`."""
        return cls.read({}, "preset", preset=name)

    def n_epochs(self, n_cells: int) -> int:
        """Return for how many epochs a training on so many cells lasts, if nothing stops it early.

        Examples
        --------
        >>> [TrainSettings(max_epochs=40, min_steps=1500).n_epochs(n) for n in (300, 10_000)]
        [500, 40]
        """
        return max(self.max_epochs, math.ceil(self.min_steps / self.n_batches(n_cells)))

    def n_batches(self, n_cells: int) -> int:
        """Return how many optimiser steps an epoch of so many cells has."""
        return math.ceil(n_cells * self.augmentation.n_copies / self.batch_size)

    @classmethod
    def read(
        cls,
        values: dict[str, Any],
        where: str | Path,
        preset: str | None = None,
        *,
        base: TrainSettings | None = None,
    ) -> Self:
        """Return settings from nested values laid over a preset or over other settings.

        Raises
        ------
        SettingsError
            Naming the first unknown key or value out of range.
        """
        if preset is not None and preset not in PRESETS:
            raise SettingsError(where, f"no preset '{preset}'", f"choose {', '.join(PRESETS)}")
        under = base.model_dump() if base else PRESETS[preset] if preset else {}
        if "network" in values and values["network"] != under.get("network"):
            under = {key: value for key, value in under.items() if key != "options"}
        try:
            return cls(**overlaid(under, values))
        except ValidationError as error:
            raise settings_fault(error, cls, where, "see cellquery train --help") from error


PRESETS: dict[str, dict[str, Any]] = {
    # The paper's literal choices for the initial learning; validation as an honest default.
    "paper": {
        "inputs": {"normalisation": "dataset", "details": "signed", "fit": "resize"},
        "augmentation": {"rotation": "steps-of-18"},
        "learning_rate": 1e-3,
        "patience": 5,
    },
    # As "paper", with the leak of its section 3.1: early stopping on the test cells.
    "paper-leak": {
        "inputs": {"normalisation": "dataset", "details": "signed", "fit": "resize"},
        "augmentation": {"rotation": "steps-of-18"},
        "learning_rate": 1e-3,
        "patience": 5,
        "validation": "test",
    },
    # Chosen by measurement on cells of held-out specimens: see docs/results.md.
    "best": {
        "inputs": {
            "side_px": 80,
            "mask": "channel",
            "normalisation": "per-image",
            "details": "magnitude",
        },
        "augmentation": {"rotation": "quarter-turns", "flips": True},
        "schedule": "one-cycle",
        "learning_rate": 3e-3,
        "batch_size": 32,
        "max_epochs": 15,
        "patience": None,
        "validation": "none",
        "views": 8,
    },
}


def read_settings(path: Path, preset: str | None = None) -> TrainSettings:
    """Return the settings of a TOML file, laid over a preset when one is named."""
    return TrainSettings.read(read_toml(path, "give a TOML file of settings"), path, preset)


def as_now(kept: dict[str, Any]) -> dict[str, Any]:
    """Return kept settings of a training; one that came later was then at its default."""
    defaults = TrainSettings().model_dump(mode="json")
    if "network" not in kept:  # written when there was one network
        others = {key: value for key, value in kept.items() if key != "shortcut"}
        kept = {**others, "network": "parallel", "options": {"shortcut": kept["shortcut"]}}
    return overlaid(defaults, kept) | {"options": kept["options"]}


def read_toml(path: Path, remedy: str) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    SettingsError
        When the file cannot be read, with this remedy, or is not TOML.
    """
    try:
        # Some editors begin a file with a byte-order mark.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(path, "no such file", remedy) from error
    except OSError as error:
        raise SettingsError(path, f"cannot be read ({error.strerror})", remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(path, f"not valid TOML ({error})", "mend the line it names") from error


def overlaid(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values laid over others; neither is changed."""
    merged = dict(base)
    for key, value in values.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlaid(merged[key], value) if nested else value
    return merged
