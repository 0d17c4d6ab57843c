from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellquery.campaign import Campaign, CampaignSettings, Judged, KnownLabels, Pool
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import LabelledCells, TrainSettings, fit, label

PATTERNS = ("homogeneous", "nucleolar", "golgi")
TRAIN: dict[str, Any] = {
    "inputs": {"side_px": 16, "mask": "ignore"},
    "augmentation": {"rotation": "quarter-turns", "flips": True},
    "batch_size": 8,
    "max_epochs": 1,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "views": 1,
}


def drawn(n_cells: int, seed: int, prefix: str) -> tuple[PreparedCells, list[str]]:
    """Cells of 16 px: flat, with one blob, with a bright corner."""
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=n_cells)
    images = random.normal(0.3, 0.08, size=(n_cells, 1, 16, 16)).astype(np.float16)
    images[labels == 1, :, 6:10, 6:10] += 0.6
    images[labels == 2, :, :4, :4] += 0.6
    ids = np.array([f"{prefix}{i:03}" for i in range(n_cells)], dtype=object)
    return PreparedCells(ids, images), [PATTERNS[i] for i in labels]


@pytest.fixture(scope="session")
def pool() -> Pool:
    cells, _ = drawn(120, 1, "p")
    return Pool(cells, np.array([f"S{i % 10}" for i in range(120)], dtype=object))


@pytest.fixture(scope="session")
def known() -> KnownLabels:
    cells, names = drawn(120, 1, "p")
    return KnownLabels(dict(zip(cells.ids.tolist(), names, strict=True)))


@pytest.fixture(scope="session")
def judged() -> list[Judged]:
    cells, names = drawn(30, 2, "t")
    return [Judged("test", cells, names, [None] * 30)]


@pytest.fixture(scope="session")
def earlier() -> LabelledCells:
    cells, names = drawn(40, 3, "i")
    return label(cells, names, PATTERNS)


@pytest.fixture(scope="session")
def initial(earlier: LabelledCells) -> Classifier:
    settings = TrainSettings.read({**TRAIN, "max_epochs": 2}, "test", "best")
    classifier = Classifier.fresh(PATTERNS, settings.inputs, seed=0)
    fit(classifier, earlier, settings, seed=0)
    return classifier


def settings_with(**changes: Any) -> CampaignSettings:
    values: dict[str, Any] = {
        "budget": 40,
        "first": 10,
        "per_round": 10,
        "train": TRAIN,
        "preset": "best",
    }
    return CampaignSettings.read({**values, **changes}, "test")


def campaign(root: Path, pool: Pool, settings: CampaignSettings, **rest: Any) -> Campaign:
    return Campaign(
        root, pool, settings, PATTERNS, settings.training().inputs, **{"seed": 0, **rest}
    )
