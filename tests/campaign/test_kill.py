"""A campaign killed with kill -9 ends as if nobody had killed it."""

from __future__ import annotations

import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from cellquery.models import Classifier
from tests.processes import SERVER

from .one_campaign import run
from .test_engine import trace


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("undisturbed")
    assert ends(start(root)) == 0
    return root


def start(root: Path, dies_at_write: int = 0) -> BaseProcess:
    process = SERVER.Process(target=run, args=(root, dies_at_write))
    process.start()
    return process


def ends(process: BaseProcess) -> int | None:
    process.join(120)
    return process.exitcode


def same(root: Path, other: Path) -> None:
    assert trace(root) == trace(other)
    first, second = (
        Classifier.load(path / "final" / "model.safetensors").network.state_dict()
        for path in (root, other)
    )
    assert all((first[name] == second[name]).all() for name in first)


@pytest.mark.timeout(300)
def test_killed_before_its_writes(tmp_path: Path, undisturbed: Path) -> None:
    """Each start dies before one of its first six writes: all kinds are met, and it gets on."""
    root, kills = tmp_path / "campaign", 0
    while ends(start(root, 1 + (kills + 1) % 6)) == -signal.SIGKILL:
        kills += 1
    assert kills >= 10
    same(root, undisturbed)


@pytest.mark.timeout(300)
def test_killed_at_random_moments(tmp_path: Path, undisturbed: Path) -> None:
    random, kills = np.random.default_rng(0), 0
    for number in range(5):
        root, killed = tmp_path / str(number), 0
        while True:
            process = start(root)
            # Moments grow, so that a slow machine gets to the end as well.
            process.join(0.02 + 0.3 * 1.1**killed * random.random())
            if process.exitcode is not None:
                break
            process.kill()
            process.join()
            killed += 1
        assert process.exitcode == 0
        same(root, undisturbed)
        kills += killed
    assert kills >= 5


def test_a_finished_campaign_is_left_as_it_is(undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")}
    run(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")} == before
