"""What a piece of work cost: by the clock, and by the processor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Spent:
    """Seconds by what they were spent on.

    The clock also counts what other programs did meanwhile; the processor's time, over all threads
    of this process, hardly does.

    Examples
    --------
    >>> spent = Spent()
    >>> with spent.on("training"):
    ...     _ = sum(range(10))
    >>> list(spent.as_dict())
    ['seconds', 'cpu_seconds']
    """

    def __init__(self) -> None:
        self._wall: dict[str, float] = {}
        self._cpu: dict[str, float] = {}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Add what happens inside to what was spent on this."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._wall[what] = self._wall.get(what, 0.0) + time.perf_counter() - wall
            self._cpu[what] = self._cpu.get(what, 0.0) + time.process_time() - cpu

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return ``seconds`` and ``cpu_seconds``, each by what they were spent on."""
        return {
            "seconds": {what: round(value, 3) for what, value in self._wall.items()},
            "cpu_seconds": {what: round(value, 3) for what, value in self._cpu.items()},
        }
