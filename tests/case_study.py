"""A study of the four cases small enough to be run by tests."""

from __future__ import annotations

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
