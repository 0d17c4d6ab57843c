from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

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
    started = time.perf_counter()
    process.start()
    while Spent(path).as_dict()["seconds"].get("training", 0) < 0.9:
        time.sleep(0.01)
    process.kill()
    process.join()
    before = Spent(path).as_dict()["seconds"]["training"]
    assert 0.9 <= before < time.perf_counter() - started
    spent = Spent(path)
    with spent.on("scoring"):
        pass
    around = time.perf_counter()
    with spent.on("training"):
        within = time.perf_counter()
        time.sleep(0.2)
        within = time.perf_counter() - within
    around = time.perf_counter() - around
    after = Spent(path).as_dict()
    assert after == spent.as_dict()
    rounded = 0.002
    assert within - rounded <= after["seconds"]["training"] - before <= around + rounded
    assert after["cpu_seconds"].keys() == {"training", "scoring"}
    spent.forget()
    assert Spent(path).as_dict()["seconds"] == {}


def test_a_damaged_file_costs_its_seconds_alone(tmp_path: Path) -> None:
    path = tmp_path / "spent.json"
    path.write_text("{")
    with Spent(path).on("training"):
        pass
    assert Spent(path).as_dict()["seconds"].keys() == {"training"}
