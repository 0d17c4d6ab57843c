from __future__ import annotations

import json
from pathlib import Path

import pytest

from cellquery.core import TrainingError
from cellquery.experiments import read_experiment
from cellquery.models import Classifier
from cellquery.training import LabelledCells
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
