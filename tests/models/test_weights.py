from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from cellquery.core import RESEARCH_USE_ONLY, SIX_PATTERNS, WeightsError
from cellquery.models import Classifier, read_header, transfer_weights
from cellquery.wavelets import InputSettings


@pytest.fixture
def classifier() -> Classifier:
    made = Classifier.fresh(SIX_PATTERNS, InputSettings(details="magnitude"), seed=3)
    made.provenance = {"seed": 3, "project": "cells"}
    made.network.eval()
    return made


def test_a_saved_classifier_comes_back_whole(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.safetensors")
    loaded = Classifier.load(tmp_path / "model.safetensors")
    assert loaded.patterns == SIX_PATTERNS
    assert loaded.inputs == classifier.inputs
    assert loaded.provenance == classifier.provenance
    images = torch.rand(2, 1, 112, 112)
    torch.testing.assert_close(loaded(images).logits, classifier(images).logits, rtol=0, atol=0)


def test_the_header_can_be_read_without_the_weights(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.safetensors")
    header = read_header(tmp_path / "model.safetensors")
    assert header["patterns"] == list(SIX_PATTERNS)
    assert header["notice"] == RESEARCH_USE_ONLY


def test_fresh_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=5).network.head.weight
    torch.manual_seed(2)
    same = Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=5).network.head.weight
    other = Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=6).network.head.weight
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_weights_written_when_there_was_one_network_still_load(
    classifier: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    classifier.save(path)
    header = read_header(path)
    header["format"] = 1
    header["network"] = {"name": "parallel-resnet", "n_channels": 1, "shortcut": "projection"}
    save_file(load_file(path), path, metadata={"cellquery": json.dumps(header)})
    images = torch.rand(2, 1, 112, 112)
    torch.testing.assert_close(Classifier.load(path)(images), classifier(images), rtol=0, atol=0)


def _changed(path: Path, change: str) -> None:
    weights = load_file(path)
    header = read_header(path)
    if change == "missing":
        del weights["head.bias"]
    elif change == "unexpected":
        weights["more"] = torch.zeros(1)
    elif change == "shape":
        weights["head.bias"] = torch.zeros(7)
    elif change == "not finite":
        weights["head.bias"][0] = float("nan")
    elif change == "damaged":
        del header["inputs"]
    elif change == "format 9":
        header["format"] = 9
    save_file(weights, path, metadata={"cellquery": json.dumps(header)})


@pytest.mark.parametrize(
    "change", ["missing", "unexpected", "shape", "not finite", "damaged", "format 9"]
)
def test_weights_that_do_not_fit_are_refused(
    classifier: Classifier, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "model.safetensors"
    classifier.save(path)
    _changed(path, change)
    fault = "instead of" if change == "shape" else change
    with pytest.raises(WeightsError, match=fault) as caught:
        Classifier.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_told_from_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder; give the model"):
        Classifier.load(tmp_path)
    with pytest.raises(WeightsError, match="no such file"):
        Classifier.load(tmp_path / "absent.safetensors")


def test_files_that_are_no_models_are_refused_without_running_them(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    trap = tmp_path / "trap.safetensors"
    trap.write_bytes(pickle.dumps(Trap()))
    truncated = tmp_path / "truncated.safetensors"
    Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=1).save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:5000])
    plain = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(1)}, plain)
    for path in (trap, truncated, plain, tmp_path / "absent.safetensors"):
        with pytest.raises(WeightsError, match=path.name):
            Classifier.load(path)
    assert not (tmp_path / "sprung").exists()


def test_five_patterns_become_six_by_a_new_head_alone() -> None:
    five = Classifier.fresh(SIX_PATTERNS[:5], InputSettings(), seed=1).network
    six = Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=2).network
    head = six.head.weight.detach().clone()
    assert transfer_weights(five, six) == ["head.weight", "head.bias"]
    assert torch.equal(six.head.weight, head)
    assert torch.equal(six.fusion.weight, five.fusion.weight)


def test_transfer_between_different_networks_is_refused() -> None:
    source = Classifier.fresh(SIX_PATTERNS, InputSettings(), seed=1).network
    target = Classifier.fresh(SIX_PATTERNS, InputSettings(mask="channel"), seed=1).network
    with pytest.raises(WeightsError, match="instead of"):
        transfer_weights(source, target)
