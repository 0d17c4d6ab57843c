from __future__ import annotations

import sys

import pytest
import torch

from cellquery.core import SettingsError
from cellquery.models import Classifier, network_kind, network_options
from cellquery.wavelets import InputSettings


@pytest.mark.parametrize("name", ["fisher-svm", "texture-svm"])
def test_without_scikit_image_one_line_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(SettingsError, match=r"cellquery\[handcrafted\]") as caught:
        Classifier.fresh(("golgi", "speckled"), InputSettings(side_px=32), seed=0, network=name)
    assert "\n" not in str(caught.value)


def test_texture_is_not_measured_on_levels_that_mean_nothing() -> None:
    inputs = InputSettings(side_px=32, normalisation="raw")
    classifier = Classifier.fresh(("golgi", "speckled"), inputs, seed=0, network="texture-svm")
    with pytest.raises(SettingsError, match="set it to 'per-image'"):
        classifier(torch.rand(1, 1, 32, 32))


@pytest.mark.parametrize(
    ("name", "n_learnt"),
    [
        # Mean and spread of 176 features, three biases, gamma and the factor; no vectors yet.
        ("texture-svm", 2 * 176 + 3 + 2),
        # Descriptor mean, components, Gaussians, and the layer on 2 + 2 * 2 * 5 values.
        ("fisher-svm", 104 + 5 * 104 + 2 + 2 * 2 * 5 + 3 * (2 + 2 * 2 * 5) + 3),
    ],
)
def test_what_was_learnt_is_counted(name: str, n_learnt: int) -> None:
    options = {"n_words": 2, "n_components": 5} if name == "fisher-svm" else {}
    made = network_kind(name).build(3, 1, network_options(name, options))
    assert made.n_parameters == n_learnt
