"""One experiment as a TOML file, loaded into a frozen object that rejects unknown keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cellquery.core.places import Place
from cellquery.core.validation import settings_fault
from cellquery.experiments.table import FIRST, kept_experiment
from cellquery.training import TrainSettings
from cellquery.training.settings import read_toml

Seed = Annotated[int, Field(ge=0)]


def check_once(name: str, values: Sequence[Any]) -> None:
    """Refuse a list of settings in which a value stands twice.

    Raises
    ------
    ValueError
        Naming the list and the value.
    """
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{name}: {twice[0]} stands twice")


class InitialLearning(BaseModel):
    """What the network learns first (step 1 of the paper's Table 1): real cells, synthetic or both.

    With ``settings.rehearsal`` in the variant, these cells also join every later batch.

    Attributes
    ----------
    parts : tuple of str
        Parts of the split whose labelled cells are learnt first.
    synthetic_cells, synthetic_specimens, synthetic_seed : int
        So many cells of `cellquery.data.synthetic`, which need no label.
    settings : dict
        What differs from the variant's own settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[str, ...] = ()
    synthetic_cells: int = Field(default=0, ge=0)
    synthetic_specimens: int = Field(default=240, ge=6)
    synthetic_seed: Seed = 0
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if not self.parts and not self.synthetic_cells:
            raise ValueError("give parts, synthetic_cells or both")
        return self


class Variant(BaseModel):
    """One row of an experiment: a name, and what differs from the experiment's settings.

    Attributes
    ----------
    name : str
    settings : dict
    initial : InitialLearning or None
        None starts from random weights.
    mean_of : tuple of str
        Variants whose probabilities are averaged; nothing is trained then. ``NAME:first`` is the
        network of that variant's initial learning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._+-]*$")
    settings: dict[str, Any] = {}
    initial: InitialLearning | None = None
    mean_of: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _trained_or_averaged(self) -> Self:
        if self.mean_of and (self.settings or self.initial):
            raise ValueError("mean_of trains nothing: leave out settings and initial")
        return self


class Experiment(BaseModel):
    """A study of supervised training on one project.

    Attributes
    ----------
    name : str
        Names the directory of its runs.
    method : str
        How a comparison calls it; empty leaves it to the network's title.
    published : float or None
        The accuracy that the paper's Table 3 gives it, in percent.
    preset : str
        The settings that ``settings`` is laid over.
    settings : dict
        As in a file for ``cellquery train --settings``.
    variants : tuple of Variant
        One training programme each; a single one named "main" when none are given.
    seeds : tuple of int
    split : str
        A split of the project.
    train : tuple of str
        Parts to train on.
    test : tuple of str
        Parts judged once per seed after training on all of ``train``: known sera, where the
        split is random. Empty leaves this out.
    folds : int
        Specimens of ``train`` are dealt into so many folds; each is judged by a network trained
        on the others: sera never seen. 0 leaves this out.
    fold_seed : int
        Decides the folds, the same for every variant and seed.
    fold_seeds : tuple of int or None
        Seeds that the folds are trained with; None means ``seeds``.
    cells_per_specimen : int or None
        Train on so many cells of each specimen at most, drawn at random. In the folds, six more
        of each are then judged as "known": cells of trained sera that no training saw.
    judged_per_specimen : int or None
        Judge on so many cells of each unseen specimen at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._+-]*$")
    method: str = ""
    published: float | None = Field(default=None, gt=0, le=100)
    preset: str = "best"
    settings: dict[str, Any] = {}
    variants: tuple[Variant, ...] = (Variant(name="main"),)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    split: str
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    folds: int = Field(default=0, ge=0, le=50)
    fold_seed: Seed = 0
    fold_seeds: tuple[Seed, ...] | None = None
    cells_per_specimen: int | None = Field(default=None, ge=1)
    judged_per_specimen: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for name in ("seeds", "fold_seeds", "variants"):
            check_once(name, [getattr(each, "name", each) for each in getattr(self, name) or ()])
        judged = {*self.test, *(self.train if self.folds else ())}
        for variant in self.variants:
            if variant.initial and (met := judged & set(variant.initial.parts)):
                raise ValueError(
                    f"variants: {variant.name} learns {min(met)} first, and is judged on it"
                )
        return self

    @model_validator(mode="after")
    def _means_of_trained(self) -> Self:
        trained = {variant.name for variant in self.variants if not variant.mean_of}
        trained |= {f"{variant.name}{FIRST}" for variant in self.variants if variant.initial}
        for variant in self.variants:
            if unknown := set(variant.mean_of) - trained:
                raise ValueError(f"mean_of: no trained variant '{min(unknown)}'")
        return self

    def settings_of(self, variant: Variant) -> TrainSettings:
        """Return the settings of one variant, checked."""
        common = TrainSettings.read(self.settings, self.name, self.preset)
        return TrainSettings.read(
            variant.settings, f"{self.name}, variant {variant.name}", base=common
        )

    def initial_settings_of(self, variant: Variant) -> TrainSettings:
        """Return the settings of a variant's initial learning, checked."""
        changes = variant.initial.settings if variant.initial else {}
        where = f"{self.name}, variant {variant.name}, initial"
        base = self.settings_of(variant).model_copy(update={"rehearsal": 0.0})
        return TrainSettings.read(changes, where, base=base)


def read_experiment(path: str | Path) -> Experiment:
    """Return the experiment in a TOML file.

    Raises
    ------
    SettingsError
        When the file is missing, is not TOML, or holds an unknown key or a value out of range.
    """
    path = Path(path)
    return _checked(read_toml(path, "see the folder experiments/"), path)


def experiment_of(root: Place) -> Experiment:
    """Return the experiment whose runs a directory holds.

    Raises
    ------
    ProjectError
        When the directory is no experiment's.
    SettingsError
        When ``experiment.json`` does not hold what this version writes.
    """
    return _checked(kept_experiment(root), root / "experiment.json")


def _checked(values: dict[str, Any], path: Place) -> Experiment:
    try:
        experiment = Experiment(**values)
    except ValidationError as error:
        raise settings_fault(error, Experiment, path, "mend this key", "experiment") from error
    for variant in experiment.variants:
        experiment.initial_settings_of(variant)
    return experiment
