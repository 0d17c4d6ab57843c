"""Independent pieces of work, each with a folder of its own, and who does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cellquery.core.progress import Progress


@dataclass(frozen=True)
class Unit:
    """One piece of work, which keeps what it makes and goes on where it was interrupted.

    Attributes
    ----------
    name : str
        For messages, and for other units to come after.
    work : callable
        Called with a `Progress`; importable by name or a partial of such a function, as pickle
        needs.
    after : tuple of str
        Names of earlier units of the list, whose folders this one reads.
    """

    name: str
    work: Callable[[Progress], object]
    after: tuple[str, ...] = ()


class Engine(Protocol):
    """Does units of work; the answers lie in their folders, the same whoever did them."""

    def __call__(self, units: Sequence[Unit], task: str, progress: Progress) -> None:
        """Do every unit, each after those that it names; `task` is what they are, for progress."""


def one_after_another(units: Sequence[Unit], task: str, progress: Progress) -> None:
    """Do units in this process, in their order; each tells of its own progress."""
    for unit in units:
        unit.work(progress)
