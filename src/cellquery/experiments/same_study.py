"""Whether the runs in a directory are those that a study of cases asks for."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from cellquery.campaign.records import read_json
from cellquery.core import SettingsError
from cellquery.core.validation import as_kept, difference

_MAY_CHANGE = ("cases", "budgets", "seeds")


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
    if unlike := difference(as_kept(type(study), kept, path).model_dump(mode="json"), now):
        raise SettingsError(
            root, f"holds runs with {unlike}", "choose another directory or delete it"
        )
