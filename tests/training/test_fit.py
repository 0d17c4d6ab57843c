from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cellquery.core import TrainingError
from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings, fit, hold_out, predict
from cellquery.training.fit import _pattern_weights
from cellquery.wavelets import InputSettings

PATTERNS = ("homogeneous", "nucleolar", "golgi")


def fresh(settings: TrainSettings, seed: int = 0) -> Classifier:
    return Classifier.fresh(PATTERNS, settings.inputs, seed=seed)


def weights(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in classifier.network.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_network_learns_to_tell_easy_cells_apart(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = quick.model_copy(update={"max_epochs": 20})
    classifier = fresh(settings)
    epochs = fit(classifier, cells, settings, seed=0)
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert (predict(classifier, cells.cells).labels == cells.labels).mean() > 0.9


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"augmentation": {"rotation": "any", "flips": True, "scale": 0.1, "gamma": 0.3}},
        {"averaging": 0.9, "schedule": "one-cycle", "weight_decay": 0.01},
    ],
)
def test_the_same_seed_gives_identical_weights(
    cells: LabelledCells, quick: TrainSettings, changes: dict[str, object]
) -> None:
    settings = TrainSettings.read(changes, "test", base=quick)
    trained = []
    for _ in range(2):
        classifier = fresh(settings)
        fit(classifier, cells, settings, seed=7)
        trained.append(weights(classifier))
    assert same(*trained)
    other = fresh(settings)
    fit(other, cells, settings, seed=8)
    assert not same(trained[0], weights(other))


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.9, "schedule": "one-cycle"}])
def test_an_interrupted_training_ends_as_an_undisturbed_one(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path, changes: dict[str, object]
) -> None:
    settings = TrainSettings.read({"max_epochs": 4, **changes}, "test", base=quick)
    undisturbed = fresh(settings)
    fit(undisturbed, cells, settings, seed=1)

    class Stopped(Exception):
        pass

    def stop(task: str, done: int, total: int | None = None) -> None:
        if task == "training" and total is not None and done > total // 2:
            raise Stopped

    with pytest.raises(Stopped):
        fit(fresh(settings), cells, settings, seed=1, run=tmp_path, progress=stop)
    resumed = fresh(settings)
    epochs = fit(resumed, cells, settings, seed=1, run=tmp_path)
    assert same(weights(undisturbed), weights(resumed))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    lines = (tmp_path / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_a_training_lost_after_its_last_epoch_repeats_that_epoch_alone(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    settings = TrainSettings.read({"max_epochs": 3}, "test", base=quick)
    first, again = fresh(settings), fresh(settings)
    fit(first, cells, settings, seed=1, run=tmp_path)
    shown: list[int] = []
    fit(
        again,
        cells,
        settings,
        seed=1,
        run=tmp_path,
        progress=lambda _, done, __: shown.append(done),
    )
    assert same(weights(first), weights(again))
    n_steps = shown[-1]
    assert shown == list(range(n_steps * 2 // 3 + 1, n_steps + 1))


def test_a_damaged_state_is_named(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    torch.save({"network": {}}, tmp_path / "state.pt")
    with pytest.raises(TrainingError, match=r"state\.pt: cannot go on"):
        fit(fresh(quick), cells, quick, seed=0, run=tmp_path)


def test_training_stops_when_validation_does_not_improve_and_the_best_comes_back(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = TrainSettings.read(
        {"patience": 2, "validation": "labelled", "max_epochs": 60, "learning_rate": 0.01},
        "test",
        base=quick,
    )
    training, validation = hold_out(cells, 0.3, seed=0)
    classifier = fresh(settings)
    epochs = fit(classifier, training, settings, seed=0, validation=validation)
    losses = [epoch.validation_loss for epoch in epochs]
    best = int(np.argmin(losses))
    assert len(epochs) < 60
    assert len(epochs) - 1 - best == 2
    probabilities = predict(classifier, validation.cells).probabilities
    loss = -np.log(probabilities[np.arange(len(validation)), validation.labels]).mean()
    np.testing.assert_allclose(loss, losses[best], rtol=1e-3)


def test_frozen_layers_stay_as_they_are_batch_norm_statistics_included(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = quick.model_copy(update={"freeze_early": True})
    classifier = fresh(settings)
    before = weights(classifier)
    fit(classifier, cells, settings, seed=0)
    after = weights(classifier)
    for name, value in before.items():
        assert torch.equal(value, after[name]) is (".early." in name), name


def test_a_loss_that_is_not_finite_stops_the_training(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    cells.cells.images[5] = np.nan
    with pytest.raises(TrainingError, match="the loss became nan in epoch 1"):
        fit(fresh(quick), cells, quick, seed=0)


def test_early_stopping_without_validation_cells_is_refused(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = quick.model_copy(update={"patience": 2})
    with pytest.raises(TrainingError, match="no validation cells"):
        fit(fresh(quick), cells, settings, seed=0)


def test_rehearsed_cells_of_a_pattern_without_labels_do_not_outweigh_the_rest() -> None:
    classifier = Classifier.fresh(PATTERNS, InputSettings(side_px=32), seed=0)
    labels = np.array([0] * 300 + [1] * 100)
    weights = _pattern_weights(labels, classifier, TrainSettings(class_weights="balanced"))
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 3, 1.0])


def test_balanced_weights_lift_a_rare_pattern(cells: LabelledCells, quick: TrainSettings) -> None:
    rows = np.flatnonzero((cells.labels != 2) | (np.arange(60) < 6))
    rare = cells.rows(rows)
    mean_probability = {}
    for kind in ("none", "balanced"):
        settings = TrainSettings.read({"class_weights": kind}, "test", base=quick)
        classifier = fresh(settings)
        fit(classifier, rare, settings, seed=0)
        mean_probability[kind] = predict(classifier, rare.cells).probabilities[:, 2].mean()
    assert mean_probability["balanced"] > mean_probability["none"]


def test_validation_cells_come_out_of_the_labelled_ones(cells: LabelledCells) -> None:
    training, validation = hold_out(cells, 0.2, seed=3)
    ids = [*training.cells.ids, *validation.cells.ids]
    assert sorted(ids) == sorted(cells.cells.ids)
    assert np.bincount(validation.labels).tolist() == [4, 4, 4]
    again = hold_out(cells, 0.2, seed=3)[1]
    assert again.cells.ids.tolist() == validation.cells.ids.tolist()


def test_few_cells_are_shown_for_more_epochs_to_make_the_fewest_steps(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = quick.model_copy(update={"min_steps": 18, "schedule": "one-cycle"})
    # Sixty cells in batches of 16 are four steps an epoch.
    assert len(fit(fresh(settings), cells, settings, seed=0)) == 5
    few = cells.rows(np.arange(16))
    assert len(fit(fresh(settings), few, settings, seed=0)) == 18


def test_nothing_is_stopped_before_the_fewest_steps(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    # The rate is so high that no epoch is better than the first few.
    settings = quick.model_copy(
        update={"patience": 1, "validation": "labelled", "max_epochs": 40, "learning_rate": 0.3}
    )
    n_epochs = []
    for min_steps in (0, 60):
        asked = settings.model_copy(update={"min_steps": min_steps})
        n_epochs.append(len(fit(fresh(asked), cells, asked, seed=0, validation=cells)))
    # Four steps an epoch.
    assert n_epochs[0] < 15 <= n_epochs[1]
