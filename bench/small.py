"""The small set of benchmarks, about a second each, by which two revisions are compared.

As a worker of `bench.compare`: reads names from its input, measures each once and answers with
processor seconds, as JSON lines. It uses nothing of cellquery but what has long been there, so
that older revisions can be measured too.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SEED, SIDE = 0, 80


@cache
def _project() -> Any:
    from cellquery.data.synthetic import into_project, synthetic_settings

    folder = Path(tempfile.mkdtemp(prefix="cellquery-bench-"))
    return into_project(240, synthetic_settings(n_specimens=24, seed=SEED), folder / "cells")


@cache
def _cells() -> Any:
    from cellquery.data.prepare import prepare
    from cellquery.training import TrainSettings

    project = _project()
    ids = project.manifest()["cell_id"].to_pylist()
    return prepare(project.store(), ids, TrainSettings.preset("best").inputs)


@cache
def _classifier() -> Any:
    from cellquery.models import Classifier
    from cellquery.training import TrainSettings

    return Classifier.fresh(_project().patterns, TrainSettings.preset("best").inputs, seed=SEED)


@cache
def _candidates() -> Any:
    from cellquery.acquisition import Candidates

    random = np.random.default_rng(SEED)
    n_cells = 13_000
    return Candidates(
        np.array([f"cell-{i}" for i in range(n_cells)], dtype=object),
        probabilities=random.dirichlet(np.ones(6), n_cells).astype(np.float32),
        embeddings=random.random((n_cells, 128), dtype=np.float32),
    )


def synthesise() -> Callable[[], None]:
    """Draw 40 synthetic cells."""
    from cellquery.data.synthetic import synthetic_cell, synthetic_settings

    settings = synthetic_settings(n_specimens=24, seed=SEED)
    return lambda: [synthetic_cell(i, settings) for i in range(40)] and None


def prepare_cells() -> Callable[[], None]:
    """Read and prepare 240 cells of a project."""
    _cells()
    return _cells.__wrapped__


def train() -> Callable[[], None]:
    """Train for 128 cells."""
    from cellquery.training import TrainSettings, fit, label

    names = _project().manifest()["pattern"].to_pylist()[:128]
    cells = label(_cells().rows(np.arange(128)), names, _project().patterns)
    settings = TrainSettings.preset("best").model_copy(update={"max_epochs": 1})
    return lambda: fit(_classifier(), cells, settings, seed=SEED, accelerator="cpu") and None


def predict() -> Callable[[], None]:
    """Predict 240 cells, twice."""
    from cellquery.training import predict

    return lambda: [predict(_classifier(), _cells()) for _ in range(2)] and None


def _query(name: str, n: int, times: int) -> Callable[[], None]:
    from cellquery.acquisition import query_strategy

    strategy = query_strategy(name)
    return lambda: (
        [strategy.query(_candidates(), n, np.random.default_rng(SEED)) for _ in range(times)]
        and None
    )


def margin() -> Callable[[], None]:
    """Choose 100 of 13,000 cells by margin, ten times."""
    return _query("margin", 100, 10)


def badge() -> Callable[[], None]:
    """Choose 100 of 13,000 cells by BADGE."""
    return _query("badge", 100, 1)


def audit() -> Callable[[], None]:
    """Audit 240 cells."""
    from cellquery.data.audit import audit_project

    return lambda: audit_project(_project()) and None


SET: dict[str, Callable[[], Callable[[], None]]] = {
    "synthesise": synthesise,
    "prepare": prepare_cells,
    "train": train,
    "predict": predict,
    "margin": margin,
    "badge": badge,
    "audit": audit,
}


def main() -> None:
    """Answer until the input ends."""
    # Here, so that the names of the set are known at once.
    import torch

    torch.set_num_threads(1)
    # What a measured function prints must not pass for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    ready: dict[str, Callable[[], None]] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            if name not in ready:
                ready[name] = SET[name]()
                ready[name]()
            started = time.process_time()
            ready[name]()
            answer: dict[str, Any] = {"seconds": time.process_time() - started}
        except Exception as error:  # noqa: BLE001 - an older revision may lack anything
            answer = {"fault": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
