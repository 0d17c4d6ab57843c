"""What a network that learns at once is given to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cellquery.models import Classifier
from cellquery.models.texture_svm import TextureSvm
from cellquery.training import LabelledCells, TrainSettings, fit

PATTERNS = ("homogeneous", "nucleolar", "golgi")


def test_rehearsed_cells_count_together_what_the_setting_says(
    cells: LabelledCells, quick: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, rehearsed = cells.rows(np.arange(12)), cells.rows(np.arange(12, 60))
    changes = {"network": "texture-svm", "rehearsal": 0.5, "class_weights": "balanced"}
    settings = TrainSettings.read(changes, "test", base=quick)
    given: dict[str, Any] = {}
    learn = TextureSvm.learn

    def spied(
        self: TextureSvm,
        show: Any,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        **how: Any,
    ) -> None:
        given.update(labels=labels, weights=weights, some=show(np.array([3, 11, 12, 40]))[0])
        learn(self, show, labels, weights, **how)

    monkeypatch.setattr(TextureSvm, "learn", spied)
    classifier = Classifier.fresh(PATTERNS, settings.inputs, seed=0, network="texture-svm")
    fit(classifier, training, settings, seed=0, rehearsed=rehearsed)
    np.testing.assert_array_equal(given["labels"], cells.labels)
    assert given["weights"][:12].sum() == pytest.approx(12)
    assert given["weights"][12:].sum() == pytest.approx(0.5 * 12)
    expected = torch.from_numpy(cells.cells.images[[3, 11, 12, 40]]).float()
    torch.testing.assert_close(given["some"], expected)
