"""A small campaign for tests that kill it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import torch

from cellquery.campaign import Judged, KnownLabels, Pool
from cellquery.models import Classifier
from cellquery.training import label

from .conftest import PATTERNS, TRAIN, campaign, drawn, settings_with


def run(root: Path, dies_at_write: int = 0) -> None:
    """Run or go on with the campaign; die where asked, as by kill -9, at the n-th write."""
    if dies_at_write:
        _die_at_write(dies_at_write)
    torch.set_num_threads(1)
    cells, names = drawn(80, 1, "p")
    earlier_cells, earlier_names = drawn(20, 3, "i")
    test_cells, test_names = drawn(20, 2, "t")
    settings = settings_with(
        strategy="badge",
        options={"random_share": 0.2},
        budget=24,
        first=8,
        per_round=8,
        audit_cells=4,
        train={**TRAIN, "rehearsal": 1.0},
        final={**TRAIN, "max_epochs": 2},
    )
    initial = Classifier.fresh(PATTERNS, settings.training().inputs, seed=0)
    campaign(
        root,
        Pool(cells, np.array([f"S{i % 8}" for i in range(80)], dtype=object)),
        settings,
        initial=initial,
        rehearsed=label(earlier_cells, earlier_names, PATTERNS),
        judged=[Judged("test", test_cells, test_names, [None] * 20)],
    ).advance(KnownLabels(dict(zip(cells.ids.tolist(), names, strict=True))))


def _die_at_write(number: int) -> None:
    replace, count = os.replace, [0]

    def dying(*paths: Path | str) -> None:
        # What was spent is written every second: a slow start would come to nothing else.
        count[0] += Path(paths[-1]).name != "spent.json"
        if count[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)

    os.replace = dying  # type: ignore[assignment]
