"""What every network promises, whatever it is made of and however it learns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellquery.campaign import Campaign, CampaignSettings, KnownLabels, Pool
from cellquery.campaign.records import rounds_done
from cellquery.campaign.sight import committee
from cellquery.core import SettingsError, TrainingError
from cellquery.data.prepare import PreparedCells
from cellquery.models import NETWORKS, Classifier, network_kind, registry
from cellquery.training import LabelledCells, TrainSettings, fit, label, predict
from cellquery.training.evaluate import evaluate_cells
from cellquery.training.run import train_run
from tests.tiny_networks import TinyCrossModal, TinyVGG

PATTERNS = ("homogeneous", "nucleolar", "golgi")


TINY = {kind.name: kind for kind in (TinyVGG, TinyCrossModal)}
# A whole VGG or ResNet-50 would take minutes here: its family stands for it.
FAMILY = {
    "alexnet": "tiny-vgg",
    "vgg16": "tiny-vgg",
    "vgg19": "tiny-vgg",
    "resnet50": "tiny-cross-modal",
    "cross-modal-resnet50": "tiny-cross-modal",
}
OPTIONS = {
    "frozen-backbone": {"architecture": "test_vit", "side_px": 32},
    "fisher-svm": {"n_words": 4, "n_components": 6},
}
KINDS = sorted({FAMILY.get(name, name) for name in NETWORKS})


@dataclass(frozen=True)
class Case:
    """A kind, and all that a test of it starts from."""

    name: str
    settings: TrainSettings
    cells: LabelledCells


def drawn(n_cells: int, side: int, seed: int, n_channels: int = 1) -> LabelledCells:
    """Cells that are flat, with one blob in the middle, or with a bright corner."""
    random, third = np.random.default_rng(seed), side // 3
    labels = np.arange(n_cells) % 3
    images = random.normal(0.3, 0.05, size=(n_cells, n_channels, side, side)).astype(np.float16)
    images[labels == 1, 0, third:-third, third:-third] += 0.6
    images[labels == 2, 0, :third, :third] += 0.6
    ids = np.array([f"c{seed}-{i:03}" for i in range(n_cells)], dtype=object)
    return label(PreparedCells(ids, images), [PATTERNS[i] for i in labels], PATTERNS)


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name, kind in TINY.items():
            patch.setitem(registry._KINDS, name, kind)
        patch.setattr("cellquery.training.settings.NETWORKS", (*NETWORKS, *TINY))
        patch.setattr("cellquery.models.classifier.NETWORKS", (*NETWORKS, *TINY))
        kind = network_kind(request.param)
        side = kind.sides[0]
        options = {"weights": "random"} if "weights" in kind.Options.model_fields else {}
        options |= OPTIONS.get(request.param, {})
        values = {
            "network": request.param,
            "options": options,
            "inputs": {"side_px": side},
            "batch_size": 12,
            "max_epochs": 6,
            "patience": None,
            "validation": "none",
            "learning_rate": 1e-3,
        }
        yield Case(request.param, TrainSettings.read(values, "test"), drawn(36, side, 0))


@pytest.fixture(scope="module")
def run(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    names = [PATTERNS[i] for i in case.cells.labels]
    train_run(run, case.cells.cells, names, PATTERNS, case.settings, seed=3)
    return run


@pytest.fixture(scope="module")
def trained(case: Case, run: Path) -> Classifier:
    return Classifier.load(run / "model.safetensors")


def fresh(case: Case, seed: int = 0, **changes: Any) -> Classifier:
    settings = case.settings
    return Classifier.fresh(
        changes.get("patterns", PATTERNS),
        changes.get("inputs", settings.inputs),
        seed=seed,
        network=settings.network,
        options=settings.options,
    )


def test_it_learns_to_tell_easy_cells_apart(case: Case, run: Path, trained: Classifier) -> None:
    lines = (run / "epochs.jsonl").read_text().splitlines()
    losses = [json.loads(line)["train_loss"] for line in lines]
    evaluation, _ = evaluate_cells(
        trained, case.cells.cells, [PATTERNS[i] for i in case.cells.labels], accelerator="cpu"
    )
    if trained.network.learns_at_once:
        assert len(losses) == 1
        assert evaluation.aca > 0.9
    else:
        assert min(losses[-3:]) < losses[0]


def test_a_finished_run_is_returned_and_keeps_other_settings_out(
    case: Case, run: Path, trained: Classifier
) -> None:
    names = [PATTERNS[i] for i in case.cells.labels]
    again = train_run(run, case.cells.cells, names, PATTERNS, case.settings, seed=3)
    assert again.provenance == trained.provenance
    other = case.settings.model_copy(update={"learning_rate": 0.5})
    with pytest.raises(TrainingError, match="other settings"):
        train_run(run, case.cells.cells, names, PATTERNS, other, seed=3)


def test_predictions_are_probabilities_and_the_head_of_the_embedding(
    case: Case, trained: Classifier
) -> None:
    said = predict(trained, case.cells.cells, exact=True)
    assert said.probabilities.shape == (36, 3)
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1, atol=1e-5)
    assert said.embeddings.shape == (36, trained.network.n_embedding)
    assert np.isfinite(said.embeddings).all()
    with torch.no_grad():
        logits = trained.network.head(torch.from_numpy(said.embeddings))
    np.testing.assert_allclose(logits.softmax(dim=1), said.probabilities, atol=1e-4)


def test_what_a_cell_is_called_does_not_depend_on_the_others(
    case: Case, trained: Classifier
) -> None:
    together = predict(trained, case.cells.cells).probabilities
    alone = predict(trained, case.cells.cells.rows(np.array([7]))).probabilities
    np.testing.assert_allclose(alone[0], together[7], atol=1e-4)


def test_it_comes_back_from_its_file_as_it_was(
    case: Case, trained: Classifier, tmp_path: Path
) -> None:
    trained.save(tmp_path / "model.safetensors")
    loaded = Classifier.load(tmp_path / "model.safetensors")
    assert (loaded.network.name, loaded.options) == (case.name, trained.options)
    found = predict(loaded, case.cells.cells)
    expected = predict(trained, case.cells.cells)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.embeddings, expected.embeddings)


def test_the_same_seed_teaches_the_same(case: Case) -> None:
    settings = case.settings.model_copy(update={"max_epochs": 1})
    states = []
    for seed in (5, 5):
        classifier = fresh(case, seed)
        fit(classifier, case.cells, settings, seed=seed)
        states.append(classifier.network.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=0, msg=name)


def test_a_pattern_without_cells_keeps_its_output(case: Case) -> None:
    two = case.cells.rows(np.flatnonzero(case.cells.labels != 2))
    classifier = fresh(case)
    fit(classifier, two, case.settings.model_copy(update={"max_epochs": 1}), seed=0)
    said = predict(classifier, two.cells)
    assert said.probabilities.shape == (24, 3)
    assert np.isfinite(said.probabilities).all()


def test_it_takes_the_mask_as_one_more_channel(case: Case) -> None:
    inputs = case.settings.inputs.model_copy(update={"mask": "channel"})
    settings = case.settings.model_copy(update={"inputs": inputs, "max_epochs": 1})
    cells = drawn(12, inputs.side_px, 1, n_channels=2)
    classifier = fresh(case, inputs=inputs)
    fit(classifier, cells, settings, seed=0)
    assert np.isfinite(predict(classifier, cells.cells).probabilities).all()


def test_it_goes_on_to_other_patterns_with_a_new_last_layer(
    case: Case, trained: Classifier, tmp_path: Path
) -> None:
    others = (*PATTERNS, "speckled")
    names = [PATTERNS[i] for i in case.cells.labels]
    settings = case.settings.model_copy(update={"max_epochs": 1})
    grown = train_run(tmp_path, case.cells.cells, names, others, settings, seed=0, initial=trained)
    assert predict(grown, case.cells.cells).probabilities.shape == (36, 4)


def test_another_kind_does_not_start_from_it(
    case: Case, trained: Classifier, tmp_path: Path
) -> None:
    other = "lenet5" if case.name == "parallel" else "parallel"
    side = {"side_px": network_kind(other).sides[0]}
    settings = TrainSettings(network=other, inputs=side, patience=None, validation="none")  # type: ignore[arg-type]
    cells = drawn(6, side["side_px"], 0)
    names = [PATTERNS[i] for i in cells.labels]
    with pytest.raises(TrainingError, match=f"is of network '{case.name}', not '{other}'"):
        train_run(tmp_path, cells.cells, names, PATTERNS, settings, seed=0, initial=trained)


def test_an_unknown_option_is_one_line(case: Case) -> None:
    with pytest.raises(SettingsError, match="depth") as caught:
        TrainSettings.read({"options": {"depth": 3}}, "test", base=case.settings)
    assert "\n" not in str(caught.value)


def test_a_committee_of_dropped_embeddings_has_opinions(case: Case, trained: Classifier) -> None:
    embeddings = predict(trained, case.cells.cells).embeddings
    opinions = committee(trained, embeddings, 0, "test")
    assert opinions.shape[1:] == (36, 3)
    np.testing.assert_allclose(opinions.sum(axis=2), 1, atol=1e-5)


@pytest.mark.parametrize("starts", ["from nothing", "from an initial network"])
def test_it_drives_a_campaign(case: Case, trained: Classifier, tmp_path: Path, starts: str) -> None:
    train = {
        "network": case.name,
        "options": case.settings.options,
        "inputs": {"side_px": case.settings.inputs.side_px, "mask": "ignore"},
        "max_epochs": 1,
        "batch_size": 8,
        "views": 1,
    }
    settings = CampaignSettings.read(
        {"budget": 18, "first": 9, "per_round": 9, "strategy": "badge", "train": train}, "test"
    )
    cells = case.cells
    inputs = settings.training().inputs
    initial = None
    if starts == "from an initial network":
        initial = fresh(case, inputs=inputs)
        fit(initial, cells, case.settings.model_copy(update={"max_epochs": 1}), seed=0)
    specimens = np.array([f"S{i % 6}" for i in range(36)], dtype=object)
    names = [PATTERNS[i] for i in cells.labels]
    known = KnownLabels(dict(zip(cells.cells.ids.tolist(), names, strict=True)))
    Campaign(
        tmp_path, Pool(cells.cells, specimens), settings, PATTERNS, inputs, seed=0, initial=initial
    ).advance(known)
    final = Classifier.load(tmp_path / "final" / "model.safetensors")
    assert final.network.name == case.name
    assert len(rounds_done(tmp_path)) == 2
