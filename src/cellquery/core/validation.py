"""What pydantic finds wrong with settings, as one line that a user can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellquery.core.errors import SettingsError
from cellquery.core.places import Place

if TYPE_CHECKING:
    from pydantic import ValidationError


def settings_fault(
    error: ValidationError, where: str | Place, remedy: str, whole: str = "settings"
) -> SettingsError:
    """Return the error to raise: it names the first wrong key, or `whole` where no key is."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or whole
    return SettingsError(where, f"{key}: {first['msg']}", remedy)
