"""What is wrong or other about settings, as one line that a user can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_args

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
    error: ValidationError,
    kind: type[BaseModel],
    where: str | Place,
    remedy: str,
    whole: str = "settings",
) -> SettingsError:
    """Return the error to raise: it names the first wrong key, or `whole` where no key is.

    Of a key that settings of this kind do not have it says which was meant, or which they have.
    """
    first = error.errors()[0]
    path = first["loc"]
    key = ".".join(str(part) for part in path) or whole
    if first["type"] != "extra_forbidden":
        return SettingsError(where, f"{key}: {first['msg']}", remedy)
    known = _names(kind, path[:-1])
    meant = get_close_matches(str(path[-1]), known, 1, cutoff=0.7)
    choice = f"choose from {', '.join(known)}" if known else "leave it out: there is none"
    remedy = f"write {meant[0]}" if meant else choice
    return SettingsError(where, f"{key}: there is no such setting", remedy)


def _names(kind: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the names of the settings of a kind, or of those within it."""
    for part in path:
        if isinstance(part, str):
            kind = next(_models_in(kind.model_fields[part].annotation))
    return list(kind.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


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
        raise settings_fault(error, kind, where, "restore it from a backup") from error


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
