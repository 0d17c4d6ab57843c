from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cellquery.core import TrainingError
from cellquery.models import Classifier
from cellquery.training import (
    Augmentation,
    CachedCells,
    LabelledCells,
    TrainSettings,
    early_features,
    fit,
    precision,
)
from cellquery.training.augment import augment, draw_views, n_views, nth_view
from cellquery.training.early import size_mb

PATTERNS = ("homogeneous", "nucleolar", "golgi")


def trained(cells: LabelledCells, settings: TrainSettings) -> Classifier:
    classifier = Classifier.fresh(PATTERNS, settings.inputs, seed=0)
    fit(classifier, cells, settings.model_copy(update={"max_epochs": 2}), seed=0)
    return classifier


def copy_of(classifier: Classifier) -> Classifier:
    other = Classifier.fresh(PATTERNS, classifier.inputs, seed=1)
    other.network.load_state_dict(classifier.network.state_dict())
    return other


def cached(
    classifier: Classifier, cells: LabelledCells, augmentation: Augmentation, path: Path | None
) -> CachedCells:
    views = range(n_views(augmentation) or 1)
    features = early_features(classifier, cells.cells, augmentation, views, path=path)
    return CachedCells((features,), cells.labels)


AUGMENTATIONS = [
    Augmentation(),
    Augmentation(flips=True),
    Augmentation(rotation="quarter-turns"),
    Augmentation(rotation="quarter-turns", flips=True),
    Augmentation(rotation="steps-of-18"),
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_drawn_views_are_what_augmentation_shows(
    cells: LabelledCells, augmentation: Augmentation
) -> None:
    images = torch.from_numpy(cells.cells.images[:20]).float()
    copies = torch.arange(20) % augmentation.n_copies
    shown = augment(images, augmentation, torch.Generator().manual_seed(3), copies)
    views = draw_views(augmentation, 20, torch.Generator().manual_seed(3), copies)
    for image, view, expected in zip(images, views.tolist(), shown, strict=True):
        assert torch.allclose(nth_view(image[None], augmentation, view)[0], expected, atol=1e-6)


def test_a_continuum_of_views_cannot_be_cached() -> None:
    assert n_views(Augmentation(rotation="any")) is None
    assert n_views(Augmentation(scale=0.1)) is None
    assert n_views(Augmentation(rotation="quarter-turns", gamma=0.2)) is None


@pytest.mark.parametrize("rotation", ["none", "quarter-turns", "steps-of-18"])
def test_training_on_cached_features_equals_training_with_frozen_layers(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path, rotation: str
) -> None:
    settings = TrainSettings.read(
        {"freeze_early": True, "augmentation": {"rotation": rotation}, "max_epochs": 2},
        "test",
        base=quick,
    )
    whole = trained(cells, quick)
    late = copy_of(whole)
    features = cached(late, cells, settings.augmentation, tmp_path / "early.npy")
    before = {name: value.clone() for name, value in late.network.state_dict().items()}
    first = fit(whole, cells, settings, seed=5)
    second = fit(late, features, settings, seed=5)
    for one, other in zip(first, second, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=0.01)
    images = torch.from_numpy(cells.cells.images).float()
    with torch.no_grad():
        first_says, second_says = (c(images).logits.softmax(dim=1) for c in (whole, late))
    assert (first_says - second_says).abs().max() < 0.02
    early = [name for name in before if ".early." in name]
    assert early
    after = late.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in early)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_cached_features_are_trained_on_in_bf16_where_that_is_asked_for_and_fast(
    cells: LabelledCells,
    quick: TrainSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_bf16: bool,
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda device="cpu": has_bf16)
    settings = TrainSettings.read({"precision": "bf16-mixed", "max_epochs": 1}, "test", base=quick)
    classifier = trained(cells, quick)
    features = cached(classifier, cells, settings.augmentation, tmp_path / "early.npy")
    kinds: set[torch.dtype] = set()
    for module in classifier.network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, inputs, output: kinds.add(output.dtype))
    fit(classifier, features, settings, seed=0)
    assert kinds == {torch.bfloat16 if has_bf16 else torch.float32}


def test_groups_of_cached_cells_are_indexed_as_one(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    classifier = trained(cells, quick)
    flips = Augmentation(rotation="quarter-turns", flips=True)
    features = early_features(classifier, cells.cells, flips, range(8))
    parts = CachedCells(
        (features.take(np.arange(25)), features.take(np.arange(25, 60))), cells.labels
    )
    rows = np.array([40, 3, 24, 25, 59, 0])
    args = (classifier, rows, flips, None)
    first = parts.inputs(*args, torch.Generator().manual_seed(2), torch.device("cpu"))
    one = CachedCells((features,), cells.labels)
    second = one.inputs(*args, torch.Generator().manual_seed(2), torch.device("cpu"))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_kept_features_are_used_again_and_made_again_when_weights_differ(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    path = tmp_path / "early.npy"
    classifier = trained(cells, quick)
    first = early_features(classifier, cells.cells, Augmentation(), [0], path=path)
    assert isinstance(first.values, np.memmap)
    written = path.stat().st_mtime_ns
    again = early_features(classifier, cells.cells, Augmentation(), [0], path=path)
    assert path.stat().st_mtime_ns == written
    assert np.array_equal(first.values, again.values)
    other = Classifier.fresh(PATTERNS, quick.inputs, seed=4)
    changed = early_features(other, cells.cells, Augmentation(), [0], path=path)
    assert not np.array_equal(first.values, changed.values)


def test_a_damaged_file_of_features_is_made_again(
    cells: LabelledCells, quick: TrainSettings, tmp_path: Path
) -> None:
    path = tmp_path / "early.npy"
    classifier = trained(cells, quick)
    first = early_features(classifier, cells.cells, Augmentation(), [0], path=path)
    values = np.array(first.values)
    path.write_bytes(path.read_bytes()[:200])
    again = early_features(classifier, cells.cells, Augmentation(), [0], path=path)
    assert np.array_equal(values, again.values)


def test_size_is_that_of_the_features(cells: LabelledCells, quick: TrainSettings) -> None:
    classifier = Classifier.fresh(PATTERNS, quick.inputs, seed=0)
    features = early_features(classifier, cells.cells, Augmentation(), [0, 1])
    assert size_mb(classifier, len(cells), 2) == pytest.approx(features.values.nbytes / 1e6)


def test_rehearsed_cells_keep_a_pattern_that_the_new_labels_lack(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    old = cells.rows(np.flatnonzero(cells.labels == 2))
    new = cells.rows(np.flatnonzero(cells.labels != 2))
    settings = quick.model_copy(update={"max_epochs": 20, "batch_size": 10})
    recalls = {}
    for rehearsal in (0.0, 1.0):
        classifier = Classifier.fresh(PATTERNS, settings.inputs, seed=0)
        chosen = settings.model_copy(update={"rehearsal": rehearsal})
        fit(classifier, new, chosen, seed=0, rehearsed=old)
        with torch.no_grad():
            logits = classifier(torch.from_numpy(old.cells.images).float()).logits
        recalls[rehearsal] = float((logits.argmax(dim=1) == 2).float().mean())
    assert recalls[0.0] == 0
    assert recalls[1.0] > 0.9


def test_rehearsal_without_earlier_cells_is_refused(
    cells: LabelledCells, quick: TrainSettings
) -> None:
    settings = quick.model_copy(update={"rehearsal": 1.0})
    with pytest.raises(TrainingError, match="--rehearse, or set it to 0"):
        fit(Classifier.fresh(PATTERNS, settings.inputs, seed=0), cells, settings, seed=0)
