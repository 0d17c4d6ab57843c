"""How fast cells are imported, and in how much memory.

    python bench/import_rate.py [CELLS] [WORKERS]

Writes CELLS (63,000) PNG files of 80 x 80 px, imports them with WORKERS (2) processes, and prints
cells a second and the highest resident memory of the importing process.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from cellquery.data import Project, import_cells

DISTINCT = 500


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


def main(n_cells: int = 63_000, workers: int = 2) -> None:
    """Measure one import and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cells(folder / "source", n_cells)
        project = Project.create(folder / "project")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        summary = import_cells(folder / "source", project, workers=workers)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        again = import_cells(folder / "source", project, workers=workers)
        resumed = time.perf_counter() - start
    print(
        f"{summary.imported} cells, {workers} processes: {summary.imported / seconds:.0f} cells/s; "
        f"memory {before / 1024:.0f} -> {peak / 1024:.0f} MiB; "
        f"{again.kept / resumed:.0f} cells/s when all were there already"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
