"""How long work tells whoever started it how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the task's name, the steps done and the steps in all (None when unknown)."""

    def __call__(self, task: str, done: int, total: int | None = None) -> None:
        """Take note of how far the task is."""


def silent(task: str, done: int, total: int | None = None) -> None:
    """Report nothing."""
