"""What a campaign does, as one frozen object; presets for the paper's choices and for ours."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from cellquery.acquisition import query_strategy
from cellquery.core import SettingsError
from cellquery.core.validation import none_of, settings_fault
from cellquery.training.settings import PRESETS as TRAIN_PRESETS, TrainSettings, overlaid, read_toml

_ONE = "1 is one cell, 1.0 is all of them"


class CampaignSettings(BaseModel):
    """Everything that decides a campaign but its cells, its oracle and its seed.

    Attributes
    ----------
    strategy : str
        See `cellquery.acquisition.STRATEGIES`.
    options : dict
        Options of the strategy, such as ``per_specimen_cap``.
    cold_start : {"random", "typiclust"}
        How the first cells are chosen: at random, as in the paper, or typical cells, which needs
        the embeddings of an initial network.
    budget : float or int
        How many cells are labelled in all, audit and validation cells included: a share of the
        pool up to 1.0, or a number of cells.
    first : float or int
        k, the size of the first batch: a share of the budget or a number of cells.
    per_round : float or int
        m, the size of each further batch. The last one is cut.
    audit_cells : int
        So many cells of the budget are drawn at random, to tell how good the network is on the
        unlabelled pool: see `cellquery.campaign.estimate`.
    restart : {"continue", "initial"}
        Each round goes on from the last round's weights, or starts from the initial ones again.
    freeze_early : bool
        Rounds keep the early layers of an initial network as they are, where it has some; false
        trains all layers, and nothing is cached.
    train : dict
        Settings of each round's training, laid over ``preset``.
    final : dict or None
        Settings of a last training with all labels, laid over ``preset``; None, in a file "none",
        delivers the last round's network. It starts from the initial weights.
    companion : dict or None
        Settings of a network of another kind, laid over ``preset``, that learns all labels beside
        the delivered one: what the two say is averaged. None, in a file "none", has no such.
    preset : str
        A preset of `TrainSettings`.
    rehearsed_cells : int
        How many cells of the initial learning the rounds rehearse, drawn at random; the final
        training rehearses all.
    cache_mb : int
        Room on disk for the output of the frozen layers. Where it is not enough, or the disk has
        less, rounds compute anew what finds none.
    stop_kappa : float or None
        Stop before the budget is spent once predictions agree with those of the round before at
        this Cohen's kappa or above, in three rounds running. None only records what it says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str = "margin"
    options: dict[str, Any] = {}
    cold_start: Literal["random", "typiclust"] = "random"
    budget: float | int = Field(default=0.2, gt=0)
    first: float | int = Field(default=0.15, gt=0)
    per_round: float | int = Field(default=0.10, gt=0)
    audit_cells: int = Field(default=0, ge=0)
    restart: Literal["continue", "initial"] = "continue"
    freeze_early: bool = True
    train: dict[str, Any] = {}
    final: Annotated[dict[str, Any] | None, BeforeValidator(none_of)] = None
    companion: Annotated[dict[str, Any] | None, BeforeValidator(none_of)] = None
    preset: str = "best"
    rehearsed_cells: int = Field(default=2000, ge=0)
    cache_mb: int = Field(default=2000, ge=0)
    stop_kappa: float | None = Field(default=None, gt=0, le=1)

    @field_validator("budget", "first", "per_round")
    @classmethod
    def _share_or_number(cls, value: float | int) -> float | int:
        if value > 1 and value % 1:
            raise ValueError(f"{value} is neither a share, up to 1.0, nor a number of cells")
        return value

    @classmethod
    def read(cls, values: dict[str, Any], where: str | Path, preset: str | None = None) -> Self:
        """Return settings from nested values laid over a preset of `PRESETS`.

        Raises
        ------
        SettingsError
            Naming the first unknown key or value out of range.
        """
        if preset is not None and preset not in PRESETS:
            raise SettingsError(where, f"no preset '{preset}'", f"choose {', '.join(PRESETS)}")
        try:
            settings = cls(**laid_over(PRESETS[preset] if preset else {}, values))
        except ValidationError as error:
            raise settings_fault(error, cls, where, "see cellquery campaign run --help") from error
        query_strategy(settings.strategy, **settings.options)
        for training in settings.trainings(where):
            if training.validation == "test":
                raise SettingsError(
                    where,
                    "validation = 'test' would stop on cells that only judge a campaign",
                    "choose labelled or none, or another preset",
                )
        return settings

    def training(self, where: str | Path = "campaign") -> TrainSettings:
        """Return the settings of each round's training."""
        return TrainSettings.read(self.train, f"{where}, train", self.preset)

    def final_training(self, where: str | Path = "campaign") -> TrainSettings | None:
        """Return the settings of the last training, or None."""
        if self.final is None:
            return None
        # The last training goes on with the network of the rounds.
        rounds = self.training(where)
        same = {"network": rounds.network, "options": rounds.options}
        return TrainSettings.read({**self.final, **same}, f"{where}, final", self.preset)

    def companion_training(self, where: str | Path = "campaign") -> TrainSettings | None:
        """Return the settings of the companion's training, or None."""
        if self.companion is None:
            return None
        # It learns the cells as they were prepared for the rounds.
        inputs = {"inputs": self.training(where).inputs.model_dump()}
        return TrainSettings.read({**self.companion, **inputs}, f"{where}, companion", self.preset)

    def trainings(self, where: str | Path = "campaign") -> list[TrainSettings]:
        """Return the settings of all kinds of training that there are."""
        kinds = (self.training, self.final_training, self.companion_training)
        return [settings for kind in kinds if (settings := kind(where)) is not None]

    def resolved(self) -> dict[str, dict[str, Any] | None]:
        """Return all settings of the trainings, as ``campaign.json`` keeps them."""
        final, companion = self.final_training(), self.companion_training()
        return {
            "training": self.training().model_dump(mode="json"),
            "final_training": None if final is None else final.model_dump(mode="json"),
            "companion_training": None if companion is None else companion.model_dump(mode="json"),
        }

    def least_labels(self) -> int:
        """Return how many labelled cells every training needs at least.

        Examples
        --------
        >>> [CampaignSettings(preset=preset).least_labels() for preset in ("best", "paper")]
        [2, 3]
        """
        return max(_least(each) for each in self.trainings())

    def sizes(self, n_pool: int) -> tuple[int, int, int]:
        """Return budget, first batch and further batches, in cells.

        Raises
        ------
        SettingsError
            When the budget is below the first batch, or leaves nothing beside the audit cells, or
            when the first batch is too small to train on.

        Examples
        --------
        >>> CampaignSettings(budget=10152, first=1500, per_round=1000).sizes(50758)
        (10152, 1500, 1000)
        """
        budget = min(_count(self.budget, n_pool), n_pool)
        first, per_round = _count(self.first, budget), _count(self.per_round, budget)
        if first + self.audit_cells > budget:
            raise SettingsError(
                "budget",
                f"{budget} cells are fewer than the first batch of {first} and "
                f"{self.audit_cells} audit cells",
                "raise budget or lower first or audit_cells"
                + (f" ({_ONE})" if budget == 1 else ""),
            )
        if first < (least := self.least_labels()):
            raise SettingsError(
                "first",
                f"a batch of {first}, of a budget of {budget}, is too small to train on",
                f"make it {least} cells or more ({_ONE})",
            )
        return budget, first, per_round


def laid_over(under: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a campaign's settings laid over others; neither is changed.

    Options belong to a strategy and go with it: they are replaced as a whole.

    Examples
    --------
    >>> laid_over({"strategy": "margin", "options": {"random_share": 0.3}}, {"strategy": "random"})
    {'strategy': 'random'}
    """
    if values.keys() & {"strategy", "options"}:
        under = {key: value for key, value in under.items() if key != "options"}
    return overlaid(under, values)


def read_campaign_settings(path: Path, preset: str | None = None) -> CampaignSettings:
    """Return the settings of a TOML file, laid over a preset when one is named."""
    return CampaignSettings.read(read_toml(path, "give a TOML file of settings"), path, preset)


PRESETS: dict[str, dict[str, Any]] = {
    # The paper's literal choices: margin, rounds that go on from the last weights, no
    # augmentation while fine-tuning, batches of 15 % and 10 % of the budget.
    "paper": {
        "strategy": "margin",
        "preset": "paper",
        "train": {"augmentation": {"rotation": "none"}},
        "final": None,
        "rehearsed_cells": 0,
    },
    # Chosen by measurement: see docs/campaigns.md.
    "best": {
        "strategy": "margin",
        "options": {"random_share": 0.3},
        "preset": "best",
        "restart": "continue",
        "train": {"max_epochs": 6, "learning_rate": 2e-3, "rehearsal": 1.0, "views": 1},
        "final": {"max_epochs": 40, "min_steps": 1500, "rehearsal": 1.0},
    },
}
assert {preset["preset"] for preset in PRESETS.values()} <= set(TRAIN_PRESETS)


def _least(settings: TrainSettings) -> int:
    """Return the fewest labelled cells that leave two to train on, as `hold_out` splits them."""
    if settings.validation != "labelled":
        return 2
    share = settings.validation_fraction
    return next(n for n in count(3) if n - max(1, round(share * n)) >= 2)


def _count(value: float | int, of: int) -> int:
    """Return a number of cells: shares are of `of`, and at least one cell."""
    return max(1, round(value * of)) if isinstance(value, float) and value <= 1 else int(value)
