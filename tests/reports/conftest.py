"""A small synthetic project with a run directory whose predictions are known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cellquery.core.durable import write_table
from cellquery.data import Project
from cellquery.data.selection import select
from cellquery.data.splitting import SplitRequest, make_split
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.metrics import evaluate
from cellquery.training import Predictions
from cellquery.training.evaluate import write_evaluation

EPOCHS = 4


def write_run(run: Path, project: Project, split: str = "known") -> None:
    """Write what a training leaves: settings, provenance and epochs."""
    run.mkdir(parents=True)
    trained = list(select(project, split, ["train"]).ids)
    write_table(run / "training-cells.parquet", {"cell_id": trained})
    about = {
        "seed": 3,
        "project": project.path.name,
        "split": split,
        "parts": ["train"],
        "left_out": [],
        "patterns": list(project.patterns),
        "n_train": len(trained) - 4,
        "n_validation": 4,
        "packages": {"torch": "2.0"},
    }
    (run / "about.json").write_text(json.dumps(about))
    (run / "settings.json").write_text(
        json.dumps({"seed": 3, "inputs": {"wavelet": "haar"}, "validation": "labelled"})
    )
    lines = [
        {
            "epoch": epoch,
            "train_loss": 2 / epoch,
            "train_accuracy": epoch / 5,
            "validation_loss": abs(epoch - 3) + 0.5,
            "validation_accuracy": 0.1 * epoch,
            "learning_rate": 1e-3,
            "seconds": 1.5,
        }
        for epoch in range(1, EPOCHS + 1)
    ]
    (run / "epochs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def judge(run: Path, project: Project, split: str, part: str = "test") -> None:
    """Write an evaluation in which every third cell is taken for the next pattern."""
    chosen = select(project, split, [part])
    patterns = project.patterns
    true = np.array([patterns.index(name) for name in chosen.patterns])
    named = np.where(np.arange(len(true)) % 3 == 0, (true + 1) % len(patterns), true)
    probabilities = np.full((len(true), len(patterns)), 0.2 / (len(patterns) - 1), np.float32)
    probabilities[np.arange(len(true)), named] = 0.8
    predictions = Predictions(
        chosen.ids, patterns, probabilities, np.zeros((len(true), 128), np.float32)
    )
    specimens = list(chosen.specimens)
    evaluation = evaluate(true, probabilities, patterns, specimens=specimens, n_resamples=20)
    write_evaluation(run, split, evaluation, predictions, list(chosen.patterns), specimens)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of `project`, for tests that only read it."""
    path = tmp_path_factory.mktemp("reports") / "cells"
    project = into_project(108, synthetic_settings(n_specimens=18, seed=5), path)
    make_split(project, SplitRequest("specimen", 0.3), "unseen")
    make_split(project, SplitRequest("cell", 0.3, within="unseen:train"), "known")
    run = path / "models" / "first"
    write_run(run, project)
    for split in ("known", "unseen"):
        judge(run, project, split)
    return path


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    """A project of 108 synthetic cells of 18 specimens, with the splits known and unseen."""
    return Project.open(shutil.copytree(made, tmp_path / "cells"))


@pytest.fixture
def run(project: Project) -> Path:
    """A finished, twice evaluated run directory of the project."""
    return project.path / "models" / "first"


@pytest.fixture
def bare(run: Path) -> Path:
    """The run directory without its evaluations, of which a report takes less time."""
    for file in [*run.glob("evaluation-*"), *run.glob("predictions-*")]:
        file.unlink()
    return run
