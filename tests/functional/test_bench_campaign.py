"""The campaign that other libraries stand beside: its loops, and its table."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bench import campaign
from bench.peers.__main__ import LIBRARIES
from bench.peers.cellquery_loop import loop
from bench.peers.task import Task
from cellquery.models import Classifier
from cellquery.training.precision import predicting


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "campaign"
    campaign.make_task(folder, campaign.SMOKE, campaign.SMOKE_SEEDS, None)
    return folder


def test_without_bf16_cells_are_scored_in_32_bits(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Classifier.load(task / "initial" / "model.safetensors").network
    # The loop has a process of its own and changes it for good.
    monkeypatch.setattr(type(network), "predicts_in_bf16", True)

    loop(Task.read(task, 0), "bf16")

    assert isinstance(predicting(network), nullcontext)


@pytest.mark.parametrize("name", campaign.PEERS)
def test_the_loop_of_a_peer_runs_and_names_its_libraries(task: Path, name: str) -> None:
    if not campaign.installed(name):
        pytest.skip(f"{campaign.PEERS[name]} is not installed: make bench-peers PEERS={name}")

    facts = campaign.play(task, name, [], 0, 1)

    assert facts["cpu_seconds"] > 0
    assert set(LIBRARIES[name.replace("-", "_")]) <= set(facts["versions"])


@pytest.mark.parametrize("name", campaign.PEERS)
def test_the_libraries_of_a_loop_are_those_of_its_extra(repository: Path, name: str) -> None:
    project = (repository / "pyproject.toml").read_text()
    (line,) = [each for each in project.splitlines() if each.startswith(f"peer-{name} ")]

    for library in LIBRARIES[name.replace("-", "_")]:
        assert f'"{library}==' in line


def test_rows_tell_when_they_were_measured_and_the_head_gives_both_ratios() -> None:
    packages = {"torch": "2.13", "scikit-learn": "1.9.1"}
    facts = {
        "sizes": campaign.SIZES,
        "seeds": [0],
        "cells": {"pool": 1200, "test": 1800},
        "played": [
            _played("cellquery", 10.0, 10.0, 1.0, "new", packages),
            _played("modal", 90.0, 60.0, 3.0, "old", {**packages, "scikit-learn": "1.7.2"}),
        ],
    }

    table = campaign.table(facts)
    (line,) = campaign.lines(facts)

    assert line.ratio == "9.0, CPU 6.0"
    ours, peer = table.splitlines()[2:4]
    assert ours.endswith("| 1.0 | new |")
    assert peer.endswith("| 3.0 | old |")
    assert "Packages: torch 2.13, scikit-learn 1.9.1; modAL with scikit-learn 1.7.2." in table


def _played(
    name: str, seconds: float, cpu: float, load: float, revision: str, versions: dict[str, str]
) -> dict[str, Any]:
    return {
        "asked": {"loop": name, "arguments": ["nothing"] if name == "cellquery" else []},
        "seconds": seconds,
        "cpu_seconds": cpu,
        "spent": {"training": 2.0} if name == "cellquery" else {"both": 2.0},
        "peak_mb": 700.0,
        "mca": 0.9,
        "aca": 0.9,
        "load": load,
        "revision": revision,
        "versions": versions,
    }
