from __future__ import annotations

import hashlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from cellquery.core import SettingsError, WeightsError
from cellquery.models import Classifier, layer_table, multiply_adds
from cellquery.models.extras import optional
from cellquery.models.frozen_backbone import FrozenBackbone
from cellquery.models.logistic import ABSENT, STRENGTHS, learn_logistic
from cellquery.wavelets import InputSettings

# A vision transformer of 64 features, which timm has for tests like these.
TINY: dict[str, Any] = {"architecture": "test_vit.r160_in1k", "side_px": 64}
PATTERNS = ("homogeneous", "speckled", "nucleolar")
INPUTS = InputSettings(side_px=40)


def made(**options: Any) -> Classifier:
    return Classifier.fresh(
        PATTERNS, INPUTS, seed=0, network="frozen-backbone", options={**TINY, **options}
    )


@pytest.fixture(scope="module")
def colour_weights() -> dict[str, Tensor]:
    """Weights for three colours and positions of 160 px, as timm publishes them."""
    torch.manual_seed(1)
    state: dict[str, Tensor] = optional("timm").create_model(TINY["architecture"]).state_dict()
    return state


@pytest.fixture(scope="module")
def file(colour_weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(colour_weights, path)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_grey_cell_has_the_features_of_the_same_cell_in_colour(
    file: Path, colour_weights: dict[str, Tensor]
) -> None:
    classifier = made(weights=str(file), sha256=digest(file), side_px=160)
    colour = optional("timm").create_model(TINY["architecture"], num_classes=0)
    colour.load_state_dict(
        {key: value for key, value in colour_weights.items() if not key.startswith("head.")}
    )
    grey = torch.rand(2, 1, 160, 160)
    with torch.no_grad():
        found = classifier.network.finish(grey).embedding
        expected = colour.eval()(grey.expand(2, 3, 160, 160))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_weights_fit_another_side_and_reach_every_layer(file: Path) -> None:
    loaded = made(weights=str(file), sha256=digest(file)).network.body.state_dict()
    other = made(weights="random").network.body.state_dict()
    same = [
        name
        for name, value in loaded.items()
        # Biases and scales of layers that learnt nothing are the same everywhere.
        if torch.equal(value, other[name]) and value.std() > 0
    ]
    assert same == []
    assert loaded["pos_embed"].shape[1] == 4 * 4 + 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("digest", "has the SHA-256"),
        ("missing", "cannot be read"),
        ("other network", "does not fit test_vit"),
        ("empty", "holds no weights"),
    ],
)
def test_weights_that_are_not_those_asked_for_are_refused(
    file: Path, tmp_path: Path, fault: str, message: str
) -> None:
    path, sha256 = tmp_path / "weights.safetensors", "0" * 64
    if fault != "missing":
        content = {"other network": {"x": torch.ones(2)}, "empty": {}}.get(fault)
        save_file({"y": torch.ones(1)} if content is None else content, path)
        sha256 = sha256 if fault == "digest" else digest(path)
    with pytest.raises(WeightsError, match=message) as caught:
        made(weights=str(path), sha256=sha256)
    assert "\n" not in str(caught.value)


def test_published_weights_that_cannot_be_had_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"weights of test_vit.*cannot be downloaded") as caught:
        made()
    assert "random" in caught.value.remedy


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "no_such_model"},
        {"architecture": "hf-hub:someone/something"},
        {"side_px": 50},
        {"c": 0.0},
    ],
)
def test_what_timm_cannot_make_is_one_line(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        made(weights="random", **options)
    assert "\n" not in str(caught.value)


def test_a_file_needs_a_digest() -> None:
    with pytest.raises(SettingsError, match="sha256"):
        made(weights="weights.safetensors")


def test_features_are_of_the_weights_that_are_loaded_last() -> None:
    network, other = made(weights="random").network, made(weights="random").network
    images = torch.rand(2, 1, 40, 40)
    with torch.no_grad():
        before = network.finish(images).embedding
        for value in other.body.parameters():
            value.add_(0.01)
        network.load_state_dict(other.state_dict())
        after = network.finish(images).embedding
        torch.testing.assert_close(after, other.finish(images).embedding)
    assert not torch.allclose(before, after)


def test_a_copy_notices_that_weights_were_loaded_into_it() -> None:
    first = made(weights="random")
    copy = deepcopy(first)
    images = torch.rand(2, 1, 40, 40)
    before = copy(images).embedding
    other = {name: value + 0.01 for name, value in copy.network.state_dict().items()}
    copy.network.load_state_dict(other)
    assert not torch.equal(copy(images).embedding, before)
    assert torch.equal(first(images).embedding, before)


def test_all_of_its_work_is_counted_whenever_asked() -> None:
    network = made(weights="random").network
    rows = {row.name: row.n_multiply_adds for row in layer_table(network, 40)}
    # Sixteen patches and the token of the class.
    assert rows["body.blocks.0.mlp.fc1"] == 17 * 64 * 192
    totals = [multiply_adds(network, 40) for _ in range(2)]
    assert totals == [sum(rows.values())] * 2


def test_the_mask_is_not_seen() -> None:
    inputs = InputSettings(side_px=40, mask="channel")
    network = FrozenBackbone(3, 2, FrozenBackbone.Options(**TINY, weights="random"))
    images = torch.rand(2, 2, 40, 40)
    other = images.clone()
    other[:, 1] = 0
    (seen,), (without,) = network.inputs(images, inputs), network.inputs(other, inputs)
    torch.testing.assert_close(seen, without)
    assert seen.shape == (2, 1, 40, 40)


@pytest.fixture(scope="module")
def clouds() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 120)
    return 3 + random.normal(size=(120, 8)) * np.arange(1, 9) + labels[:, None], labels


def test_the_regression_is_scikit_learns_on_standardised_features(clouds: tuple[Any, Any]) -> None:
    vectors, labels = clouds
    weights, bias = learn_logistic(
        vectors, labels, np.ones(len(labels)), n_patterns=3, c=0.3, seed=0
    )
    scaler = StandardScaler().fit(vectors)
    theirs = LogisticRegression(C=0.3, max_iter=1000).fit(scaler.transform(vectors), labels)
    found = vectors @ weights.T + bias
    np.testing.assert_allclose(
        found, theirs.decision_function(scaler.transform(vectors)), atol=1e-3
    )


@pytest.mark.parametrize("present", [(0,), (0, 2), (0, 1, 2)])
def test_a_pattern_without_cells_has_next_to_no_probability(
    clouds: tuple[Any, Any], present: tuple[int, ...]
) -> None:
    vectors, labels = clouds
    rows = np.isin(labels, present)
    weights, bias = learn_logistic(
        vectors[rows], labels[rows], np.ones(rows.sum()), n_patterns=5, c=1.0, seed=0
    )
    logits = vectors @ weights.T + bias
    absent = [pattern for pattern in range(5) if pattern not in present]
    assert (logits[:, absent] == ABSENT).all()
    assert (logits[:, list(present)].max(axis=1) >= -1e-3).all()
    if len(present) > 1:
        right = logits[rows].argmax(axis=1) == labels[rows]
        assert right.mean() > 1.2 / len(present)


def test_the_penalty_is_heavy_where_features_say_nothing() -> None:
    random = np.random.default_rng(1)
    vectors, labels = random.normal(size=(120, 60)), random.integers(0, 3, 120)
    weights, _ = learn_logistic(vectors, labels, np.ones(len(labels)), n_patterns=3, c=None, seed=0)
    heaviest, _ = learn_logistic(
        vectors, labels, np.ones(len(labels)), n_patterns=3, c=STRENGTHS[0], seed=0
    )
    np.testing.assert_allclose(weights, heaviest)
