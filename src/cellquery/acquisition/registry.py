"""Strategies by name, with their options checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

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


def query_strategy(
    name: str,
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
        When the name or an option is not known, or an option is out of range.
    """
    if name not in _CLASSES:
        raise SettingsError("strategy", f"no strategy '{name}'", f"choose {', '.join(STRATEGIES)}")
    known = [each.name for each in fields(_CLASSES[name])]
    unknown = sorted(set(options) - set(known))
    if unknown:
        common = "per_specimen_cap, round_robin, random_share"
        raise SettingsError(
            f"strategy {name}",
            f"has no option '{unknown[0]}'",
            f"choose from {', '.join([*known, common])}",
        )
    if per_specimen_cap is not None and (per_specimen_cap < 1 or round_robin):
        raise SettingsError(
            f"strategy {name}",
            "per_specimen_cap is below 1 or stands beside round_robin",
            "give one of the two, with a cap of 1 or more",
        )
    if not 0 <= random_share < 1:
        raise SettingsError(
            f"strategy {name}", f"random_share = {random_share}", "give a share from 0 to below 1"
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
