"""Play a campaign by one loop, in a process of its own, and say what it cost.

    python -m bench.peers LOOP FOLDER SEED OUT [ARGUMENT]

LOOP is a module of this folder without ``_loop``. Imports and the judging of the last network are
not counted; memory is the highest of the whole process.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bench.peers.task import Task
from cellquery.core.provenance import provenance
from cellquery.metrics import average_classification_accuracy, confusion, mean_class_accuracy

SHARED = ("torch", "numpy", "scikit-learn")
LIBRARIES = {
    "modal": ("modAL-python", "skorch"),
    "scikit_activeml": ("scikit-activeml", "skorch"),
    "baal": ("baal",),
    "small_text": ("small-text",),
}
"""Distributions that a loop is written with."""


def main(name: str, folder: str, seed: str, out: str, *arguments: str) -> None:
    """Play, judge and write."""
    play = importlib.import_module(f"bench.peers.{name}_loop").loop
    torch.manual_seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - modAL and Baal draw from it
    task = Task.read(Path(folder), int(seed))
    clock, processor = time.perf_counter(), time.process_time()
    said = play(task, *arguments)
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with np.load(Path(folder) / "test.npz") as test:
        probabilities = said(test["images"].astype(np.float32))
        counts = confusion(test["labels"], probabilities.argmax(axis=1), task.n_patterns)
    facts = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "spent": task.spent,
        "peak_mb": peak_mb,
        "mca": float(mean_class_accuracy(counts)),
        "aca": float(average_classification_accuracy(counts)),
        "threads": torch.get_num_threads(),
        "versions": {each: version(each) for each in (*SHARED, *LIBRARIES.get(name, ()))},
        "packages": provenance()["packages"],
    }
    Path(out).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
