"""Predictions are as fast as their accuracy allows, and exact where that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from cellquery.core import SIX_PATTERNS
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import TrainSettings, precision, predict


@pytest.fixture
def cells() -> PreparedCells:
    images = np.random.default_rng(0).random((12, 2, 32, 32)).astype(np.float16)
    return PreparedCells(np.array([f"c{i}" for i in range(12)], dtype=object), images)


def _classifier(network: str) -> Classifier:
    inputs = TrainSettings.preset("best").inputs.model_copy(update={"side_px": 32})
    return Classifier.fresh(SIX_PATTERNS, inputs, seed=0, network=network)


def test_a_measured_network_multiplies_in_bf16_where_that_is_fast(
    cells: PreparedCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = _classifier("parallel")
    exact = predict(classifier, cells, exact=True)
    monkeypatch.setattr(precision, "has_bf16", lambda device="cpu": True)

    fast = predict(classifier, cells)

    assert not np.array_equal(fast.probabilities, exact.probabilities)
    np.testing.assert_allclose(fast.probabilities, exact.probabilities, atol=0.02)
    np.testing.assert_allclose(fast.probabilities.sum(axis=1), 1, atol=1e-5)
    assert fast.embeddings.dtype == np.float32


@pytest.mark.parametrize(
    ("network", "has_bf16"),
    [("parallel", False), ("four-branch", True)],
    ids=["without such instructions", "a network that was not measured"],
)
def test_all_else_predicts_exactly(
    cells: PreparedCells, monkeypatch: pytest.MonkeyPatch, network: str, has_bf16: bool
) -> None:
    classifier = _classifier(network)
    monkeypatch.setattr(precision, "has_bf16", lambda device="cpu": has_bf16)

    said = predict(classifier, cells).probabilities

    assert np.array_equal(said, predict(classifier, cells, exact=True).probabilities)
