"""A study of the four cases small enough to be run by tests."""

from __future__ import annotations

import json
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

TINY = {"inputs": {"side_px": 16}, "max_epochs": 1, "min_steps": 0}
STUDY: dict[str, Any] = {
    "name": "tiny",
    "campaign": {"train": TINY, "final": TINY, "per_round": 10, "first": 6},
    "budgets": [0.1, 0.2],
    "seeds": [0, 1],
    "split": "parts",
    "pool": ["pool"],
    "test": ["test"],
    "folds": 4,
    "initial": {"parts": ["initial"], "settings": TINY},
}
# The studies of the four cases whose results are committed.
PUBLISHED = [
    "i3a-cases",
    "i3a-companion",
    "i3a-paper",
    "i3a-unseen",
    "i3a-unseen-companion",
    "i3a-unseen-paper",
]


def run_together(
    changes: dict[str, Any], project: Path, into: Path, case: str, at: Barrier
) -> None:
    """Run one case of a study beside another process, and keep what was told of its progress."""
    from cellquery.data import Project
    from cellquery.experiments import CaseStudy, run_case_study

    told: dict[str, None] = {}
    at.wait(120)
    run_case_study(
        CaseStudy(**{**STUDY, **changes}),
        Project.open(project),
        into,
        cases=[case],
        progress=lambda task, done, total=None: told.setdefault(f"{task} {total}"),
    )
    (into / f"{case}.json").write_text(json.dumps(list(told)))
