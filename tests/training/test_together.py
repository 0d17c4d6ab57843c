from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from cellquery.core import SettingsError, TrainingError
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings, fit, hold_out

PATTERNS = ("homogeneous", "nucleolar", "golgi")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    # So many threads in each process, and in the one that they are compared with.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def settings() -> TrainSettings:
    """A network without batch norm, and everything else that a batch can have."""
    return TrainSettings.read(
        {
            "network": "lenet5",
            "inputs": {"side_px": 78, "normalisation": "per-image"},
            "augmentation": {"rotation": "any", "flips": True, "noise": 0.05},
            "batch_size": 16,
            "max_epochs": 3,
            "patience": 2,
            "class_weights": "balanced",
            "label_smoothing": 0.1,
            "averaging": 0.5,
        },
        "test",
    )


def trained(
    cells: LabelledCells, settings: TrainSettings, devices: int, run: Path | None = None
) -> tuple[dict[str, torch.Tensor], list[float]]:
    classifier = Classifier.fresh(
        PATTERNS, settings.inputs, seed=0, network=settings.network, options=settings.options
    )
    training, validation = hold_out(cells, 0.2, seed=0)
    held = validation if settings.validation == "labelled" else None
    epochs = fit(classifier, training, settings, seed=1, validation=held, run=run, devices=devices)
    losses = [loss for epoch in epochs for loss in (epoch.train_loss, epoch.validation_loss)]
    return dict(classifier.network.state_dict()), losses


def test_two_processes_train_as_one_where_no_batch_norm_tells_them_apart(
    cells: LabelledCells, settings: TrainSettings, two_cores: None, tmp_path: Path
) -> None:
    around = ((0, 0), (0, 0), (23, 23), (23, 23))
    images = np.pad(cells.cells.images, around)
    cells = LabelledCells(PreparedCells(cells.cells.ids, images), cells.labels)
    one, losses_of_one = trained(cells, settings, 1)
    two, losses_of_two = trained(cells, settings, 2, tmp_path)
    assert losses_of_two == pytest.approx(losses_of_one, rel=1e-4)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)
    assert len((tmp_path / "epochs.jsonl").read_text().splitlines()) == 3


def test_a_training_that_loses_a_process_goes_on_and_ends_as_if_nothing_had_been(
    cells: LabelledCells, quick: TrainSettings, two_cores: None, tmp_path: Path
) -> None:
    # Long enough that it does not end before the kill.
    quick = quick.model_copy(update={"max_epochs": 8})
    undisturbed, losses = trained(cells, quick, 2)
    told: Counter[str] = Counter()

    def kill(task: str, done: int, total: int | None = None) -> None:
        told[task] += 1
        if total is not None and done == total // 3:
            # The last that was started, by its number.
            other = max(
                multiprocessing.active_children(), key=lambda child: int(child.name.split("-")[-1])
            )
            assert other.pid is not None
            os.kill(other.pid, signal.SIGKILL)

    training, _ = hold_out(cells, 0.2, seed=0)
    lost = Classifier.fresh(PATTERNS, quick.inputs, seed=0)
    with pytest.raises(TrainingError, match=r"a process of the 2 was lost .*; run the same"):
        fit(lost, training, quick, seed=1, run=tmp_path, devices=2, progress=kill)
    assert 0 < len((tmp_path / "epochs.jsonl").read_text().splitlines()) < 8
    resumed, losses_resumed = trained(cells, quick, 2, tmp_path)
    assert np.array_equal(losses_resumed, losses, equal_nan=True)
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)


@pytest.mark.parametrize(
    ("devices", "changes", "fault"),
    [
        (3, {}, "--devices 3: this machine has 2 cores; ask for no more"),
        (2, {"batch_size": 3}, "--devices 2: batches of 3 cells leave fewer than two for each"),
    ],
)
def test_more_processes_than_cores_or_cells_are_refused(
    cells: LabelledCells,
    quick: TrainSettings,
    two_cores: None,
    devices: int,
    changes: dict[str, object],
    fault: str,
) -> None:
    with pytest.raises(SettingsError, match=fault):
        trained(cells, TrainSettings.read(changes, "test", base=quick), devices)


def test_a_network_that_learns_at_once_learns_in_one_process(
    cells: LabelledCells, two_cores: None
) -> None:
    settings = TrainSettings.read(
        {"network": "texture-svm", "patience": None, "validation": "none"}, "test"
    )
    with pytest.raises(SettingsError, match="--devices 2: texture-svm learns in one process"):
        trained(cells, settings, 2)
