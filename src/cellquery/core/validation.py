"""What is wrong or other about settings, as one line that a user can act on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from cellquery.core.errors import SettingsError
from cellquery.core.places import Place

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    _Settings = TypeVar("_Settings", bound=BaseModel)


def none_of(value: Any) -> Any:
    """Return None for the word that stands for it in a file: TOML has no value of its own for it.

    Examples
    --------
    >>> none_of("none"), none_of(5)
    (None, 5)
    """
    return None if value == "none" else value


def settings_fault(
    error: ValidationError, where: str | Place, remedy: str, whole: str = "settings"
) -> SettingsError:
    """Return the error to raise: it names the first wrong key, or `whole` where no key is."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or whole
    return SettingsError(where, f"{key}: {first['msg']}", remedy)


def as_kept(kind: type[_Settings], kept: Mapping[str, Any], where: str | Place) -> _Settings:
    """Return kept settings as this version has them: what came later was at its default.

    Raises
    ------
    SettingsError
        When they are not settings of this kind.
    """
    from pydantic import ValidationError

    try:
        return kind(**{key: kept[key] for key in kind.model_fields if key in kept})
    except ValidationError as error:
        raise settings_fault(error, where, "restore it from a backup") from error


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
