from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from cellquery.core.spent import Spent


def work(path: Path) -> None:
    spent = Spent(path)
    with spent.on("training"):
        while True:
            time.sleep(0.01)
            spent.tick()


def test_the_seconds_of_a_process_that_was_killed_count(tmp_path: Path) -> None:
    path = tmp_path / "spent.json"
    process = multiprocessing.get_context("fork").Process(target=work, args=(path,))
    process.start()
    time.sleep(2.5)
    process.kill()
    process.join()
    before = Spent(path).as_dict()["seconds"]["training"]
    assert 0.9 < before < 3
    spent = Spent(path)
    with spent.on("scoring"):
        pass
    with spent.on("training"):
        time.sleep(0.2)
    after = Spent(path).as_dict()
    assert after == spent.as_dict()
    assert after["seconds"]["training"] == pytest.approx(before + 0.2, abs=0.15)
    assert after["cpu_seconds"].keys() == {"training", "scoring"}
    spent.forget()
    assert Spent(path).as_dict()["seconds"] == {}


def test_a_damaged_file_costs_its_seconds_alone(tmp_path: Path) -> None:
    path = tmp_path / "spent.json"
    path.write_text("{")
    with Spent(path).on("training"):
        pass
    assert Spent(path).as_dict()["seconds"].keys() == {"training"}
