"""How fast cells are imported, and in how much memory.

    make bench ONLY=import

Writes PNG files of 80 x 80 px, imports them with a process for each thread asked for, and imports
them again when all are there already. 500 images differ; the other files are hard links to them.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from bench.record import Bench, Line, markdown
from cellquery.data import Project, import_cells

TITLE = "Importing"
N_CELLS, DISTINCT = 63_000, 500


def write_cells(folder: Path, n_cells: int) -> None:
    """Fill a folder with blurred noise, which compresses about as well as a cell."""
    folder.mkdir(parents=True)
    for number in range(1, n_cells + 1):
        path = folder / f"{number}.png"
        if number > DISTINCT:
            os.link(folder / f"{(number - 1) % DISTINCT + 1}.png", path)
            continue
        noise = np.random.default_rng(number).integers(0, 256, (80, 80), dtype=np.uint8)
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(path)


def measure(bench: Bench) -> dict[str, Any]:
    """Measure one import."""
    n_cells = 60 if bench.smoke else N_CELLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cells(folder / "source", n_cells)
        project = Project.create(folder / "project")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        summary = import_cells(folder / "source", project, workers=bench.threads)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Of the largest child process; one worker is this process.
        worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if bench.threads > 1 else 0
        start = time.perf_counter()
        again = import_cells(folder / "source", project, workers=bench.threads)
        resumed = time.perf_counter() - start
    return {
        "cells": summary.imported,
        "kept": again.kept,
        "seconds": seconds,
        "again_seconds": resumed,
        "memory_mb": [before / 1024, peak / 1024],
        "worker_mb": worker / 1024,
    }


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return cells a second."""
    rate = facts["cells"] / facts["seconds"]
    memory = f"{facts['memory_mb'][1]:.0f} MiB"
    if worker := facts.get("worker_mb"):
        memory += f", {worker:.0f} MiB in each of {facts['asked']['threads']} workers"
    return [Line(f"import of {facts['cells']} PNG files", f"{rate:.0f} cells/s", memory)]


def table(facts: dict[str, Any]) -> str:
    """Return rates and memory."""
    before, peak = facts["memory_mb"]
    rows = [
        ["imported", f"{facts['cells'] / facts['seconds']:.0f} cells/s"],
        ["looked at again, all there", f"{facts['kept'] / facts['again_seconds']:.0f} cells/s"],
        ["memory of the process before, and at most", f"{before:.0f}, {peak:.0f} MiB"],
    ]
    if worker := facts.get("worker_mb"):
        rows.append(["memory of the largest worker, at most", f"{worker:.0f} MiB"])
    return markdown([f"{facts['cells']} PNG files of 80 x 80 px", "value"], rows)
