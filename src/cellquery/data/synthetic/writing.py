"""Synthetic cells on the disk: straight into a project, or as a folder of images with a table."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from PIL import Image

from cellquery.core import Progress, ProjectError, silent
from cellquery.core.durable import make_folder, replacing, writing_fault
from cellquery.core.places import Place
from cellquery.data.project import SYNTHETIC_LAYOUT, Project
from cellquery.data.shards import ShardWriter
from cellquery.data.synthetic.cells import SyntheticCell
from cellquery.data.synthetic.notice import synthetic_notice
from cellquery.data.synthetic.series import synthetic_cells
from cellquery.data.synthetic.settings import SyntheticSettings

COLUMNS = ("id", "path", "mask", "pattern", "specimen", "intensity")
_SOURCE = "cellquery synthesize"
_TASK = "synthetic cells"


def into_project(
    n_cells: int,
    settings: SyntheticSettings,
    path: str | Place,
    *,
    workers: int = 1,
    progress: Progress = silent,
) -> Project:
    """Return a project holding synthetic cells, without an image file of each.

    Cells that the project holds already are not made again, so that an interrupted run goes on
    and a finished one can be extended.

    Parameters
    ----------
    n_cells : int
        How many the project shall hold in all, shared evenly by the specimens.
    settings : SyntheticSettings
        See there.
    path : str, Path or UPath
        A project, or a new or empty directory.
    workers : int
        Processes that make cells.
    progress : Progress
        Told of the cells written.

    Raises
    ------
    ProjectError
        When the project holds other synthetic cells or cannot be written.
    """
    project = Project.open_or_create(path)
    source = {
        "path": _SOURCE,
        "layout": SYNTHETIC_LAYOUT,
        "settings": settings.model_dump_json(exclude={"n_specimens"}),
    }
    for earlier in project.sources:
        if (
            earlier.get("layout") == SYNTHETIC_LAYOUT
            and earlier.get("settings") != source["settings"]
        ):
            raise ProjectError(
                project.path,
                f"holds synthetic cells of other settings ({earlier.get('settings')})",
                "use the same seed, patterns and bits, or a new project",
            )
    project.declare(settings.patterns, source)
    held = _held(project)
    done = sum(held.values())
    writer = ShardWriter(project.path / "images")
    for cell in synthetic_cells(n_cells, settings, held=held, workers=workers):
        writer.add(_row(cell, settings))
        done += 1
        if done % 100 == 0:
            progress(_TASK, done, n_cells)
    writer.flush()
    project.write_manifest(writer.written)
    progress(_TASK, done, max(done, n_cells))
    return project


def into_folder(
    n_cells: int,
    settings: SyntheticSettings,
    folder: str | Path,
    *,
    workers: int = 1,
    progress: Progress = silent,
) -> Path:
    """Return the table, ``cells.csv``, of a folder of synthetic cells that `import` reads.

    Images lie in ``cells/SPECIMEN/NUMBER.png`` and masks in ``masks/SPECIMEN/NUMBER.png``; the
    table, written last, has the columns id, path, mask, pattern, specimen and intensity. Each PNG
    says in its description that the cell is synthetic.

    Parameters
    ----------
    n_cells, settings, workers, progress
        As for :func:`into_project`.
    folder : str or Path
        A folder without such a table.

    Raises
    ------
    ProjectError
        When the folder has a table already or cannot be written.
    """
    folder = Path(folder)
    table = folder / "cells.csv"
    if table.exists():
        raise ProjectError(table, "exists already", "choose a new folder or delete it")
    make_folder(folder)
    with replacing(table) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for done, cell in enumerate(synthetic_cells(n_cells, settings, workers=workers), 1):
            name = f"{cell.specimen}/{cell.cell_id.rpartition('-')[2]}.png"
            image, mask = f"cells/{name}", f"masks/{name}"
            _write_png(folder / image, cell.pixels)
            _write_png(folder / mask, cell.mask.astype(np.uint8) * np.uint8(255))
            rows.writerow((cell.cell_id, image, mask, cell.pattern, cell.specimen, cell.intensity))
            if done % 100 == 0 or done == n_cells:
                progress(_TASK, done, n_cells)
        text.flush()
        text.detach()
    return table


def _held(project: Project) -> Counter[str]:
    """Cells of each specimen that the project has; within one they follow each other."""
    manifest = project.manifest()
    synthetic = manifest.filter(pc.starts_with(manifest["source"], f"{SYNTHETIC_LAYOUT}/"))
    counts = synthetic["specimen"].value_counts().to_pylist()
    return Counter({count["values"]: count["counts"] for count in counts})


def _row(cell: SyntheticCell, settings: SyntheticSettings) -> dict[str, object]:
    height, width = cell.pixels.shape
    little_endian = cell.pixels.dtype.newbyteorder("<")
    pixels = cell.pixels.astype(little_endian, copy=False).tobytes()
    return {
        "cell_id": cell.cell_id,
        "source": f"{SYNTHETIC_LAYOUT}/{cell.cell_id}",
        "digest": hashlib.sha256(pixels).hexdigest(),
        "pattern": cell.pattern,
        "specimen": cell.specimen,
        "intensity": cell.intensity,
        "width": width,
        "height": height,
        "channels": 1,
        "bit_depth": settings.bit_depth,
        "content_bits": settings.content_bits,
        "mask": True,
        "pixels": pixels,
        "mask_bits": np.packbits(cell.mask).tobytes(),
    }


def _write_png(path: Path, pixels: np.ndarray) -> None:
    make_folder(path.parent)
    try:
        Image.fromarray(pixels).save(path, pnginfo=synthetic_notice(), compress_level=3)
    except OSError as error:
        raise writing_fault(path, error) from error
