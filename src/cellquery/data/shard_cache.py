"""Copies of shards that lie on a URL, on this machine's disk, so that they can be mapped.

They are named by their content, so that a copy can be missing but never out of date, and lie in
the folder ``CELLQUERY_CACHE`` (``~/.cache/cellquery`` without it), which holds at most
``CELLQUERY_CACHE_GIB`` (20) gibibytes: those used longest ago go first. On a disk with less room
the folder holds less.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from cellquery.core import ProjectError, SettingsError
from cellquery.core.durable import make_folder, writing_fault

_DEFAULT_GIB = 20.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ATTEMPTS = 3
_GIVEN_UP_S = 3600

_log = logging.getLogger(__name__)


def mapped_copy(key: str, n_bytes: int, fetch: Callable[[Path], object]) -> pa.MemoryMappedFile:
    """Return the copy of a shard, mapped into memory; `fetch` makes it where there is none.

    Parameters
    ----------
    key : str
        Names the content.
    n_bytes : int
        Its size.
    fetch : callable
        Writes the content to the path it is given.

    Raises
    ------
    ProjectError
        When the cache cannot be written, even emptied of all else.
    SettingsError
        When ``CELLQUERY_CACHE_GIB`` is no number.
    """
    copy = cache_folder() / f"{key}.arrow"
    for _ in range(_ATTEMPTS):
        if not copy.exists():
            _fill(copy, n_bytes, fetch)
        # Another process may clear it away between any two lines here.
        with suppress(FileNotFoundError):
            os.utime(copy)
            return pa.memory_map(str(copy))
    raise ProjectError(
        copy, "was removed again and again", "set CELLQUERY_CACHE_GIB higher for all processes"
    )


def cache_folder() -> Path:
    """Return the folder of copies, which may not be there yet."""
    named = os.environ.get("CELLQUERY_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "cellquery"


def _fill(copy: Path, n_bytes: int, fetch: Callable[[Path], object]) -> None:
    make_folder(copy.parent)
    _forget_killed(copy.parent)
    who = f"{os.getpid()}-{threading.get_ident()}"
    unfinished = copy.with_name(f".{copy.name}.{who}.unfinished")
    _make_room(copy.parent, _limit_bytes() - n_bytes)
    try:
        while True:
            try:
                fetch(unfinished)
                os.replace(unfinished, copy)
            except OSError as error:
                held = _size(copy.parent)
                if error.errno not in _FULL or not held:
                    raise
                _log.warning(
                    "note: no room in %s for more than %.1f GiB of shards: keeping fewer there",
                    copy.parent,
                    held / 2**30,
                )
                _make_room(copy.parent, held // 2)
            else:
                return
    except OSError as error:
        raise writing_fault(copy, error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _forget_killed(folder: Path) -> None:
    """Remove what processes that were killed left half-fetched."""
    for path in folder.glob(".*.unfinished"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _GIVEN_UP_S:
                path.unlink()


def _make_room(folder: Path, allowed: int) -> None:
    """Remove copies, those used longest ago first, until the rest is no larger than allowed."""
    held = sorted(_copies(folder), key=lambda one: one[1].st_mtime_ns)
    total = sum(stat.st_size for _, stat in held)
    for path, stat in held:
        if total <= allowed:
            return
        # Who has it mapped keeps it until the end, but on Windows, where it then stays.
        with suppress(OSError):
            path.unlink()
        total -= stat.st_size


def _size(folder: Path) -> int:
    return sum(stat.st_size for _, stat in _copies(folder))


def _copies(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.glob("*.arrow"):
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found


def _limit_bytes() -> int:
    text = os.environ.get("CELLQUERY_CACHE_GIB", str(_DEFAULT_GIB))
    try:
        return int(float(text) * 2**30)
    except ValueError:
        raise SettingsError("CELLQUERY_CACHE_GIB", f"{text!r} is no number", "give GiB") from None
