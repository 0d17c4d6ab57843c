"""Packages that only some people need, installed by an extra of this one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cellquery.core.errors import SettingsError


def from_extra(extra: str, *names: str) -> list[Any]:
    """Return the modules that an extra installs.

    Raises
    ------
    SettingsError
        When one is not installed.
    """
    try:
        return [import_module(name) for name in names]
    except ModuleNotFoundError as error:
        raise SettingsError(
            "packages",
            f"this needs {error.name}, which is not installed",
            f"run: pip install 'cellquery[{extra}]'",
        ) from error
