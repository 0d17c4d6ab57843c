from __future__ import annotations

import numpy as np
import pytest

from cellquery.data.prepare import PreparedCells
from cellquery.training import LabelledCells, TrainSettings, label

PATTERNS = ("homogeneous", "nucleolar", "golgi")


@pytest.fixture
def quick() -> TrainSettings:
    """A few epochs on cells of 32 px."""
    return TrainSettings.read(
        {
            "inputs": {"side_px": 32},
            "batch_size": 16,
            "max_epochs": 3,
            "patience": None,
            "validation": "none",
        },
        "test",
    )


@pytest.fixture
def cells() -> LabelledCells:
    """Sixty cells: flat, with one blob, with a bright corner."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = random.normal(0.3, 0.05, size=(60, 1, 32, 32)).astype(np.float16)
    images[labels == 1, :, 12:20, 12:20] += 0.6
    images[labels == 2, :, :8, :8] += 0.6
    ids = np.array([f"c{i}" for i in range(60)], dtype=object)
    return label(PreparedCells(ids, images), [PATTERNS[i] for i in labels], PATTERNS)
