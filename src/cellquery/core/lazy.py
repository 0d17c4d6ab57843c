"""Names of a room that are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(room: str, **modules: tuple[str, ...]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a room's ``__init__`` (PEP 562).

    A table of text then does not wait for torch because it lies in one room with a training.

    Parameters
    ----------
    room : str
        The ``__name__`` of the room.
    **modules : tuple of str
        The names that each of its modules gives.

    Examples
    --------
    >>> lazily("cellquery.core", words=("counted",))("counted")(2, "cell")
    '2 cells'
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def look_up(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{homes[name]}"), name)

    return look_up
