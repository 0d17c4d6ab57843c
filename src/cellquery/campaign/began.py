"""What a campaign began with, finished or not: it goes on with nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellquery.campaign.judging import Judged
from cellquery.campaign.pool import Pool
from cellquery.campaign.records import read_json
from cellquery.campaign.settings import CampaignSettings
from cellquery.core import ProjectError, SettingsError
from cellquery.core.fingerprint import fingerprint
from cellquery.core.validation import as_kept, difference
from cellquery.training import TrainSettings
from cellquery.training.settings import as_now

_CHANGED = {
    "patterns": "the patterns",
    "pool": "cells of the pool or their images",
    "known_labels": "the labels of the pool",
    "judged_cells": "the cells that it was judged on",
    "judged_labels": "the cells that it was judged on",
}


def check_settings(folder: Path, settings: CampaignSettings) -> None:
    """Refuse a campaign that began with other settings.

    Raises
    ------
    SettingsError
        Naming the first other key.
    """
    path = folder / "campaign.json"
    kept = read_json(path)
    began = as_kept(CampaignSettings, kept["settings"], path)
    was, now = began.model_dump(mode="json"), settings.model_dump(mode="json")
    # Trainings are compared as they were resolved, however they were written; campaigns of earlier
    # versions kept only what was laid over a preset.
    now |= (resolved := settings.resolved())
    was |= began.resolved() | {key: as_now(kept[key]) for key in resolved if kept.get(key)}
    for values in (was, now):
        del values["train"], values["final"], values["preset"]
    if was["final_training"] and now["final_training"]:
        was["final_training"] |= _as_long(
            was["final_training"], now["final_training"], kept["budget"]
        )
    once = settings.strategy == "random" and settings.final is not None
    if once and settings.stop_kappa is None:
        # Nothing depends on the weights of its rounds, which were trained for longer once; the last
        # training has their inputs.
        longer = {key: now["training"][key] for key in ("max_epochs", "min_steps")}
        was["training"] = was["training"] | longer
    if unlike := difference(was, now):
        raise SettingsError(
            folder,
            f"holds a campaign with {unlike}",
            "give what it began with, choose another directory or delete it",
        )


def _as_long(was: Mapping[str, Any], now: Mapping[str, Any], n_cells: int) -> dict[str, int]:
    """Return the new limit of epochs where a training of so many cells lasts as long with both.

    Few labels are learnt until ``min_steps`` are made, beyond either limit.
    """
    trainings = TrainSettings(**was), TrainSettings(**now)
    lasts = {each.n_epochs(n_cells) for each in trainings}
    same = len(lasts) == 1 and was["min_steps"] == now["min_steps"]
    return {"max_epochs": now["max_epochs"]} if same else {}


def given_cells(pool: Pool, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what tells the cells of a campaign from others, as ``campaign.json`` keeps it."""
    return {
        "pool": {"cells": len(pool), "digest": pool.digest},
        "specimens": fingerprint(pool.specimens),
        "judged_cells": {part.name: fingerprint(part.cells.ids) for part in judged},
        "judged_labels": {
            part.name: fingerprint([*part.patterns, *part.specimens], [part.cells.images])
            for part in judged
        },
    }


def check_given(folder: Path, given: Mapping[str, Any]) -> None:
    """Refuse a campaign that began with another seed, other cells or another network.

    Parameters
    ----------
    folder : Path
        With its ``campaign.json``.
    given : mapping of str to Any
        Some of what is kept there beside the settings, as `Campaign` keeps it.

    Raises
    ------
    ProjectError
        Naming what is other.
    """
    kept = read_json(folder / "campaign.json")
    for key, value in given.items():
        # Campaigns of earlier versions did not keep all of it.
        if kept.get(key, value) == value:
            continue
        if key in _CHANGED:
            raise ProjectError(
                folder,
                f"{_CHANGED[key]} have changed since it began",
                "bring them back, or choose another directory",
            )
        raise ProjectError(
            folder,
            f"holds a campaign with other {key.replace('_', ' ')}",
            "give what it began with, or choose another directory",
        )
