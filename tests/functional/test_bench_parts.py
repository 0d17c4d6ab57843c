"""What single comparisons measure, and what they say of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import (
    campaign,
    import_rate,
    inference,
    million,
    selection,
    strategies,
    training_rate,
)
from bench.peers import selection as choosing
from bench.record import Bench
from cellquery.core import SIX_PATTERNS, SettingsError
from cellquery.data import Project, importing
from cellquery.models import Classifier
from cellquery.training import TrainSettings, precision

Python = Callable[..., "subprocess.CompletedProcess[str]"]
PLACES = ("cluster", "hundred-million")


def test_selection_is_measured_anew_once_a_library_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "ROOT", tmp_path)
    bench = Bench(tmp_path, tmp_path)

    before = selection.terms(bench)["libraries"]
    (tmp_path / ".venv-peers" / "baal").mkdir(parents=True)
    (tmp_path / ".venv-peers" / "baal" / "installed").touch()
    after = selection.terms(bench)["libraries"]

    assert [selection.absent(each) for each in (before, after)] == [["Baal"], []]


@pytest.mark.parametrize(("short_s", "runs"), [(60.0, 5), (0.0, 1)])
def test_a_short_choice_is_made_several_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_s: float, runs: int
) -> None:
    monkeypatch.setattr(choosing, "SHORT_S", short_s)
    monkeypatch.setitem(choosing.LIBRARIES, "some", lambda *_: lambda: np.arange(3))
    out = tmp_path / "chosen.json"

    choosing.main("some", "first", str(tmp_path), "3", str(out))

    facts = json.loads(out.read_text())
    assert facts["runs"] == runs
    assert facts["chosen"] == [0, 1, 2]


def test_training_takes_the_threads_that_were_asked_for(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        facts = training_rate.measure(Bench(tmp_path, tmp_path, smoke=True, threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

    said = training_rate.lines({**facts, "asked": {"threads": 2}})[0]
    assert said.what == "training, 2 threads"


@pytest.mark.parametrize(
    ("has_bf16", "ours", "ratio"),
    [(True, "20 cells/s in bf16", "2.00"), (False, "10 cells/s in 32 bits", "1.00")],
)
def test_the_precision_named_is_the_default_of_this_processor(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, ours: str, ratio: str
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda device="cpu": has_bf16)
    fresh = Classifier.fresh(SIX_PATTERNS, TrainSettings.preset("best").inputs, seed=0)
    rates = {"eager": [10.0], "bf16": [20.0]}

    default = inference.default_way(fresh)
    (line,) = inference.lines({"default": default, "rates": {"1": rates}})

    assert (line.ours, line.ratio) == (ours, ratio)


def test_memory_of_an_import_counts_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "WORTH_WORKERS", 1)

    facts = import_rate.measure(Bench(tmp_path, tmp_path, smoke=True, threads=2))

    (line,) = import_rate.lines({**facts, "asked": {"threads": 2}})
    assert "MiB in each of 2 workers" in line.beside
    assert "memory of the largest worker" in import_rate.table(facts)


def test_a_few_of_the_million_cells_are_made_scored_chosen_and_imported(
    in_repository: Python, tmp_path: Path
) -> None:
    n_cells, page = 180, tmp_path / "scale.md"
    page.write_text("<!-- million -->\n<!-- /million -->\n")
    command = ["bench/million.py", tmp_path, "--cells", n_cells, "--page", page]

    done = in_repository(*command, "--steps", "make,divide,import")
    assert done.returncode == 0, done.stderr
    inputs = TrainSettings.preset("best").inputs.model_copy(update={"side_px": million.SIDE_PX})
    (tmp_path / "first").mkdir()
    Classifier.fresh(SIX_PATTERNS, inputs, seed=0).save(tmp_path / "first" / "model.safetensors")
    million.score(tmp_path, n_cells)
    million.select_by_badge(tmp_path, n_cells)

    assert "| import as many image files with masks |" in page.read_text()
    assert len(np.load(tmp_path / "probabilities.npy")) == 60
    assert (tmp_path / "chosen-badge.parquet").exists()
    assert million.n_specimens(1_000_000) == 2000
    assert million.n_chosen(1_000_000) == 1000


def test_strategies_stand_beside_random_choice(
    case_project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ways = {"margin": {"strategy": "margin"}, "at random": {"strategy": "random"}}
    monkeypatch.setattr(strategies, "WAYS", ways)
    file = tmp_path / "study.toml"
    file.write_text(
        """
        name = "tiny"
        budgets = [0.1]
        seeds = [0, 1]
        split = "parts"
        pool = ["pool"]
        test = ["test"]
        folds = 4
        random = { first = 1.0 }
        [campaign]
        final = "none"
        per_round = 10
        first = 6
        options = { random_share = 0.3 }
        [campaign.train]
        inputs.side_px = 16
        max_epochs = 1
        [initial]
        parts = ["initial"]
        """
    )
    asked = (str(file), str(case_project.path), "AL", "0.1", str(tmp_path))

    strategies.main(*asked)

    first = capsys.readouterr().out
    rows = [line.split(" | ") for line in first.splitlines()[2:]]
    assert [row[0] for row in rows] == ["| random", "| margin", "| at random"]
    assert "95 % interval over 2 folds" in rows[1][2]
    made = sorted(tmp_path.glob("strategies-tiny-AL-10/*/seed-*/campaign.json"))
    assert len(made) == 6
    kept = json.loads((made[-1].parents[1] / "seed-1" / "campaign.json").read_text())
    assert kept["settings"]["options"] == {}, "options go with their strategy"
    before = [path.stat().st_mtime_ns for path in made]
    strategies.main(*asked)
    assert capsys.readouterr().out == first
    assert [path.stat().st_mtime_ns for path in made] == before
    file.write_text(file.read_text().replace("per_round = 10", "per_round = 9"))
    with pytest.raises(SettingsError, match="holds a campaign with per_round = 10, not 9"):
        strategies.main(*asked)


def test_what_a_cluster_brings_is_measured_once_and_scaled_up(
    in_repository: Python, tmp_path: Path
) -> None:
    # Not imported: what Ray reads then from the environment is not yet that of its own tests.
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    page = tmp_path / "cluster.md"
    page.write_text("".join(f"<!-- {n} -->\n<!-- /{n} -->\n" for n in PLACES))
    choice = {"library": "cellquery", "cells": 1_000_000, "strategy": "badge"}
    rates = {"measured": [{**choice, "cpu_seconds": 60.0, "peak_mib": 1024.0}]}
    (tmp_path / "selection.json").write_text(json.dumps(rates))
    command = ["-m", "bench.cluster", "--cells", 64, "--kept", tmp_path, "--page", page]
    texts = []

    for _ in range(2):
        done = in_repository(*command)
        assert done.returncode == 0, done.stderr
        texts.append(page.read_text())

    kept = json.loads((tmp_path / "cluster.json").read_text())
    assert all(rate > 0 for rate in [*kept["scored"].values(), *kept["trained"].values()])
    assert f"| scoring, two actors | {kept['scored']['two']:.0f} |" in texts[0]
    assert "| badge among the million smallest margins, minutes and GiB | 1, 1 |" in texts[0]
    assert texts[0] == texts[1]
