"""What a piece of work cost: by the clock, and by the processor."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLOCKS = {"seconds": time.perf_counter, "cpu_seconds": time.process_time}
_EVERY_S = 1.0


class Spent:
    """Seconds by what they were spent on.

    The clock also counts what other programs did meanwhile; the processor's time, over all threads
    of this process, hardly does.

    Parameters
    ----------
    path : Path or None
        A file that keeps the seconds, so that those of a process that was killed count too: all
        but the last one or two of them, what had to be done again included.

    Examples
    --------
    >>> spent = Spent()
    >>> with spent.on("training"):
    ...     _ = sum(range(10))
    >>> list(spent.as_dict())
    ['seconds', 'cpu_seconds']
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._on, self._kept_at = path, "", 0.0
        self._since: dict[str, float] = {}
        self._sums: dict[str, dict[str, float]] = {clock: defaultdict(float) for clock in _CLOCKS}
        if path is not None:
            # A file that a power failure cut short costs its seconds, nothing else.
            with suppress(OSError, ValueError):
                for clock, sums in json.loads(path.read_text(encoding="utf-8")).items():
                    self._sums[clock].update(sums)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Add what happens inside to what was spent on this."""
        self._on = what
        self._since = {clock: now() for clock, now in _CLOCKS.items()}
        try:
            yield
        finally:
            self._add()
            self._on = ""
            self._keep()

    def tick(self) -> None:
        """Bring the file up to date, every second at most."""
        if self._on and time.monotonic() - self._kept_at > _EVERY_S:
            self._add()
            self._keep()

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return ``seconds`` and ``cpu_seconds``, each by what they were spent on."""
        return {
            clock: {what: round(value, 3) for what, value in sums.items()}
            for clock, sums in self._sums.items()
        }

    def forget(self) -> None:
        """Remove the file: its seconds stand elsewhere by now."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _add(self) -> None:
        for clock, now in _CLOCKS.items():
            moment = now()
            self._sums[clock][self._on] += moment - self._since[clock]
            self._since[clock] = moment

    def _keep(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".unfinished")
        beside.write_text(json.dumps(self.as_dict()), encoding="utf-8")
        beside.replace(self._path)
        self._kept_at = time.monotonic()
