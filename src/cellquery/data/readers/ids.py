"""Finding what a table says of a cell, however it pads the cell's number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_SUFFIX = re.compile(r"\.(png|tiff?|bmp|jpe?g)$", re.IGNORECASE)


class ById(Generic[T]):
    """Values by cell id; "1" and "00001.png" find what was put under "00001"."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        self._found: set[str] = set()

    def put(self, cell_id: str, value: T) -> None:
        """Keep a value, in the place of one kept before."""
        self._values[_folded(cell_id)] = value

    def get(self, cell_id: str) -> T | None:
        """Return the value of a cell, or None."""
        return self._values.get(_folded(cell_id))

    def find(self, cell_id: str) -> T | None:
        """Return the value of a cell, or None, and remember that it was asked for."""
        key = _folded(cell_id)
        if key in self._values:
            self._found.add(key)
        return self._values.get(key)

    def unfound(self) -> Iterator[T]:
        """Yield the values that `find` never returned."""
        return (value for key, value in self._values.items() if key not in self._found)


def _folded(cell_id: str) -> str:
    stem = _SUFFIX.sub("", cell_id.strip())
    return (stem.lstrip("0") or "0") if stem.isdigit() else stem
