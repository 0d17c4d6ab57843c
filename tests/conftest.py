"""What every test may ask for: the real cells, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Before anything imports torch or matplotlib, and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.update(MPLBACKEND="Agg", NO_COLOR="1", COLUMNS="100")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def i3a() -> Path:
    """The folder of the real I3A cells; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CELLQUERY_I3A", REPOSITORY.parent / "shared" / "data" / "i3a"))
    if not (folder / "gt_training.csv").is_file():
        pytest.skip(f"no I3A cells in {folder}; name their folder in CELLQUERY_I3A")
    return folder


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `cellquery ARGUMENTS` as a process and returns what came of it."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cellquery", *map(str, arguments)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run
