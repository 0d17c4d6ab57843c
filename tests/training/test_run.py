from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellquery.core import TrainingError
from cellquery.experiments import read_experiment
from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings
from cellquery.training.run import train_run

from .conftest import PATTERNS


def test_a_run_of_when_there_was_one_network_is_still_this_run(
    cells: LabelledCells, repository: Path, tmp_path: Path
) -> None:
    """The settings that a run kept in results/ was written with, and what is read today."""
    experiment = read_experiment(repository / "experiments" / "i3a-best.toml")
    settings = experiment.settings_of(experiment.variants[0])
    old = repository / "results" / "i3a-best" / "pool-only" / "seed-0" / "all" / "settings.json"
    kept = json.loads(old.read_text())
    assert "network" not in kept
    (tmp_path / "settings.json").write_text(json.dumps(kept))
    Classifier.fresh(PATTERNS, settings.inputs, seed=0).save(tmp_path / "model.safetensors")
    names = [PATTERNS[i] for i in cells.labels]
    found = train_run(tmp_path, cells.cells, names, PATTERNS, settings, seed=0)
    assert found.patterns == PATTERNS
    other = settings.model_copy(update={"options": {"shortcut": "zero-padding"}})
    with pytest.raises(TrainingError, match="other settings"):
        train_run(tmp_path, cells.cells, names, PATTERNS, other, seed=0)


def named(cells: LabelledCells) -> list[str]:
    return [PATTERNS[i] for i in cells.labels]


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("earlier_version", [False, True])
def test_other_cells_are_refused(
    cells: LabelledCells,
    quick: TrainSettings,
    tmp_path: Path,
    finished: bool,
    earlier_version: bool,
) -> None:
    def train(which: LabelledCells, **more: Any) -> None:
        train_run(tmp_path, which.cells, named(which), PATTERNS, quick, seed=0, **more)

    first = cells.rows(np.arange(40))
    train(first)
    if not finished:
        (tmp_path / "model.safetensors").unlink()
    if earlier_version:
        about = json.loads((tmp_path / "about.json").read_text())
        del about["given"]
        (tmp_path / "about.json").write_text(json.dumps(about))
    before = (tmp_path / "training-cells.parquet").read_bytes()
    with pytest.raises(TrainingError, match="holds a training with other cells"):
        train(cells.rows(np.arange(20, 60)))
    if not earlier_version:
        relabelled = LabelledCells(first.cells, (first.labels + 1) % 3)
        with pytest.raises(TrainingError, match="holds a training with other cells"):
            train(relabelled)
        other = Classifier.fresh(PATTERNS, quick.inputs, seed=1)
        with pytest.raises(TrainingError, match="holds a training with other initial network"):
            train(first, initial=other)
    assert (tmp_path / "training-cells.parquet").read_bytes() == before
    train(first)


def test_a_network_from_another_camera_scales_cells_as_they_were_learnt(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    inputs = quick.inputs.model_copy(update={"normalisation": "dataset"})
    theirs = Classifier.fresh(PATTERNS, inputs.with_statistics(0.2, 0.1), seed=1)
    ours = quick.model_copy(update={"inputs": inputs.model_copy(update={"content_bits": 12})})
    made = train_run(tmp_path, cells.cells, named(cells), PATTERNS, ours, seed=0, initial=theirs)
    assert made.inputs == theirs.inputs.model_copy(update={"content_bits": 12})
    assert Classifier.load(tmp_path / "model.safetensors").inputs == made.inputs
