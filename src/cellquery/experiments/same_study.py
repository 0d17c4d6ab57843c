"""Whether the runs in a directory are those that a study of cases asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cellquery.campaign import CampaignSettings, Pool
from cellquery.campaign.fingerprint import fingerprint
from cellquery.campaign.records import read_json
from cellquery.core import ProjectError, SettingsError
from cellquery.core.validation import settings_fault
from cellquery.training import TrainSettings

_MAY_CHANGE = ("cases", "budgets", "seeds")
_CELLS = {
    "patterns": "the patterns",
    "pool": "cells of the pool or their images",
    "judged_cells": "the cells that it was judged on",
}
_Settings = TypeVar("_Settings", bound=BaseModel)


def check_same_study(root: Path, study: BaseModel) -> None:
    """Refuse to go on with runs of another study: finished ones would pass for those asked for.

    Cases, budgets and seeds may differ.

    Raises
    ------
    SettingsError
        Naming the first other key.
    """
    path = root / "study.json"
    if not path.exists() or not any(root.glob("*/seed-*")):
        return
    now = study.model_dump(mode="json")
    kept = {**read_json(path), **{key: now[key] for key in _MAY_CHANGE}}
    if unlike := difference(_as_now(type(study), kept, path).model_dump(mode="json"), now):
        raise SettingsError(
            root, f"holds runs with {unlike}", "choose another directory or delete it"
        )


def check_same_settings(folder: Path, settings: CampaignSettings) -> None:
    """Refuse a campaign, finished or not, that began with other settings.

    Raises
    ------
    SettingsError
        Naming the first other key.
    """
    path = folder / "campaign.json"
    kept = read_json(path)
    began = _as_now(CampaignSettings, kept["settings"], path)
    was, now = began.model_dump(mode="json"), settings.model_dump(mode="json")
    # Trainings are compared as they were resolved, however they were written.
    for values, resolved in ((was, began.resolved()), (now, settings.resolved())):
        values |= resolved
        del values["train"], values["final"], values["preset"]
    for key in ("training", "final_training", "companion_training"):
        # Campaigns of earlier versions kept only what was laid over a preset.
        if kept.get(key):
            was[key] = _as_now(TrainSettings, kept[key], path).model_dump(mode="json")
    if was["final_training"] and now["final_training"]:
        was["final_training"] |= _as_long(
            was["final_training"], now["final_training"], kept["budget"]
        )
    if settings.strategy == "random" and settings.final is not None:
        # Nothing depends on the networks of its rounds, which were trained for longer once.
        del was["training"], now["training"]
    if unlike := difference(was, now):
        raise SettingsError(
            folder, f"holds a campaign with {unlike}", "choose another directory or delete it"
        )


def _as_long(was: Mapping[str, Any], now: Mapping[str, Any], n_cells: int) -> dict[str, int]:
    """Return the new limit of epochs where a training of so many cells lasts as long with both.

    Few labels are learnt until ``min_steps`` are made, beyond either limit.
    """
    trainings = TrainSettings(**was), TrainSettings(**now)
    lasts = {each.n_epochs(n_cells) for each in trainings}
    same = len(lasts) == 1 and was["min_steps"] == now["min_steps"]
    return {"max_epochs": now["max_epochs"]} if same else {}


def check_same_cells(
    folder: Path, patterns: Sequence[str], pool: Pool, judged: Mapping[str, Iterable[str]]
) -> None:
    """Refuse a campaign, finished or not, that began with other cells.

    Parameters
    ----------
    folder : Path
        With its ``campaign.json``.
    patterns : sequence of str
    pool : Pool
    judged : mapping of str to iterable of str
        Ids of the cells of each judgement.

    Raises
    ------
    ProjectError
        When patterns, cells or images have changed.
    """
    kept = read_json(folder / "campaign.json")
    now = {
        "patterns": list(patterns),
        "pool": {"cells": len(pool), "digest": pool.digest},
        "judged_cells": {name: fingerprint(ids) for name, ids in judged.items()},
    }
    for key, value in now.items():
        if kept.get(key, value) != value:
            raise ProjectError(
                folder,
                f"{_CELLS[key]} have changed since it began",
                "bring them back, or choose another directory",
            )


def difference(was: Any, now: Any, key: str = "") -> str:
    """Return where nested values first differ, in words; nothing where they do not.

    Examples
    --------
    >>> difference({"campaign": {"first": 6, "budget": 9}}, {"campaign": {"first": 7, "budget": 9}})
    'campaign.first = 6, not 7'
    """
    if was == now:
        return ""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            inner = f"{key}.{name}" if key else name
            if words := difference(was.get(name), now.get(name), inner):
                return words
    return f"{key} = {json.dumps(was)}, not {json.dumps(now)}"


def _as_now(kind: type[_Settings], kept: Mapping[str, Any], path: Path) -> _Settings:
    """Return kept settings as this version has them: what came later was at its default."""
    try:
        return kind(**{key: kept[key] for key in kind.model_fields if key in kept})
    except ValidationError as error:
        raise settings_fault(error, path, "restore it from a backup") from error
