"""Processes that begin at once: forked from a server that has imported what takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import NamedTemporaryFile

# One for all tests of a process: it imports these when the first one asks for it.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "alembic.context",
        "fastapi",
        "lightning_fabric",
        "scipy.stats",
        "sklearn.cluster",
        "tests.campaign.one_campaign",
    ]
)


def cellquery(
    *arguments: object, cwd: Path | None = None, timeout_s: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run `python -m cellquery ARGUMENTS` in a process of its own; return what came of it."""
    words = [str(word) for word in arguments]
    with NamedTemporaryFile("r") as out, NamedTemporaryFile("r") as fault:
        process = begun(words, out.name, fault.name, cwd=cwd)
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, timeout_s)
        return subprocess.CompletedProcess(words, process.exitcode, out.read(), fault.read())


def begun(
    words: list[str],
    out: str,
    fault: str,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    fresh: bool = False,
) -> BaseProcess:
    """Begin `python -m cellquery WORDS`, which writes to these files; return the process.

    A `fresh` one imports everything itself, as a user's does.
    """
    given = (words, cwd or Path.cwd(), dict(environment), out, fault)
    context = multiprocessing.get_context("spawn") if fresh else SERVER
    process = context.Process(target=_cellquery, args=given)
    process.start()
    return process


def _cellquery(
    words: list[str], cwd: Path, environment: dict[str, str], out: str, fault: str
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for stream, path in ((1, out), (2, fault)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
    sys.argv = ["cellquery", *words]
    runpy.run_module("cellquery", run_name="__main__", alter_sys=True)
