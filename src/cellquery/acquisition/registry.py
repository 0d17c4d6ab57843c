"""Strategies by name, with their options checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from cellquery.acquisition.at_random import Random
from cellquery.acquisition.badge import Badge
from cellquery.acquisition.bald import Bald
from cellquery.acquisition.cluster_margin import ClusterMargin
from cellquery.acquisition.committee import Committee
from cellquery.acquisition.contract import QueryStrategy
from cellquery.acquisition.core_set import CoreSet
from cellquery.acquisition.diversity import PerSpecimenCap, RandomShare, RoundRobin
from cellquery.acquisition.entropy import Entropy
from cellquery.acquisition.least_confidence import LeastConfidence
from cellquery.acquisition.margin import Margin
from cellquery.acquisition.max_herding import MaxHerding
from cellquery.acquisition.typiclust import TypiClust
from cellquery.core import SettingsError
from cellquery.core.validation import settings_fault

_CLASSES: dict[str, Any] = {
    kind.name: kind
    for kind in (
        Random,
        Entropy,
        LeastConfidence,
        Margin,
        Bald,
        Committee,
        CoreSet,
        Badge,
        TypiClust,
        MaxHerding,
        ClusterMargin,
    )
}

STRATEGIES: tuple[str, ...] = tuple(_CLASSES)


class _Options(BaseModel):
    """What every strategy takes."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    per_specimen_cap: int | None = Field(default=None, ge=1)
    round_robin: bool = False
    random_share: float = Field(default=0.0, ge=0, lt=1)


def query_strategy(
    name: str,
    /,
    *,
    per_specimen_cap: int | None = None,
    round_robin: bool = False,
    random_share: float = 0.0,
    **options: Any,
) -> QueryStrategy:
    """Return a query strategy.

    Parameters
    ----------
    name : str
        One of `STRATEGIES`.
    per_specimen_cap : int or None
        At most so many cells of a specimen in each batch.
    round_robin : bool
        Take from the specimens in turn instead.
    random_share : float
        Share of each batch that is drawn at random, from 0 to below 1.
    **options
        Parameters of the strategy's class.

    Raises
    ------
    SettingsError
        When the name or an option is not known, or an option's value is of another type or out of
        range.
    """
    if name not in _CLASSES:
        raise SettingsError("strategy", f"no strategy '{name}'", f"choose {', '.join(STRATEGIES)}")
    common = {
        "per_specimen_cap": per_specimen_cap,
        "round_robin": round_robin,
        "random_share": random_share,
    }
    where, known = f"strategy {name}", _options_of(_CLASSES[name])
    unknown = sorted(set(options) - set(known.model_fields))
    if unknown:
        raise SettingsError(
            where, f"has no option '{unknown[0]}'", f"choose from {', '.join(known.model_fields)}"
        )
    try:
        known.model_validate({**options, **common})
    except ValidationError as error:
        raise settings_fault(error, known, where, "mend this option") from error
    if per_specimen_cap is not None and round_robin:
        raise SettingsError(
            where, "per_specimen_cap stands beside round_robin", "give one of the two"
        )
    strategy: Any = _CLASSES[name](**options)
    if per_specimen_cap is not None:
        strategy = PerSpecimenCap(strategy, per_specimen_cap)
    if round_robin:
        strategy = RoundRobin(strategy)
    if random_share:
        strategy = RandomShare(strategy, random_share)
    chosen: QueryStrategy = strategy
    return chosen


def _options_of(kind: Any) -> type[BaseModel]:
    """Return what checks the options of a strategy, whose numbers are all above 0."""

    def values(said: Any) -> Any:
        return said if get_origin(said) is Literal else Annotated[said, Field(gt=0)]

    said = get_type_hints(kind)
    own: Any = {each.name: (values(said[each.name]), each.default) for each in fields(kind)}
    return create_model(kind.__name__, __base__=_Options, **own)
