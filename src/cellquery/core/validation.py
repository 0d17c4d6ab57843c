"""What pydantic finds wrong with settings, as one line that a user can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellquery.core.errors import SettingsError
from cellquery.core.places import Place

if TYPE_CHECKING:
    from pydantic import ValidationError


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
