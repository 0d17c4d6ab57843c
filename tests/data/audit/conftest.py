"""Small projects of painted cells, made without image files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from cellquery.data import Project
from cellquery.data.images import content_bits
from cellquery.data.shards import ShardWriter


@dataclass(frozen=True)
class Cell:
    """A cell to be put into a project."""

    pixels: NDArray[Any]
    pattern: str | None = "golgi"
    specimen: str | None = None
    source: str | None = None
    mask: NDArray[np.bool_] | None = None

    def but(self, **changes: Any) -> Cell:
        """Return a copy with other properties."""
        return replace(self, **changes)


@pytest.fixture(scope="session")
def painted() -> Callable[..., Cell]:
    """A function that paints a round cell with a texture of its own."""

    def paint(
        random: np.random.Generator, side: int = 48, bright: float = 120, **facts: Any
    ) -> Cell:
        y, x = np.mgrid[:side, :side] / side - 0.5
        outline = 1 / (1 + np.exp(40 * (np.hypot(x, y) - 0.38)))
        texture = ndimage.gaussian_filter(random.normal(size=(side, side)), 1.5)
        cell = outline * (1 + 0.25 * texture / texture.std())
        counts = 12 + bright * cell + random.normal(0, 2, (side, side))
        return Cell(np.clip(counts, 1, 254).astype(np.uint8), **facts)

    return paint


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[..., Project]:
    """A function that makes a project of cells; their ids are 000, 001, ..."""

    def make(cells: Sequence[Cell], patterns: Sequence[str] | None = None) -> Project:
        found = {cell.pattern for cell in cells if cell.pattern is not None}
        project = Project.create(tmp_path / "project", patterns or sorted(found))
        writer = ShardWriter(project.path / "images")
        for number, cell in enumerate(cells):
            height, width = cell.pixels.shape[:2]
            writer.add(
                {
                    "cell_id": f"{number:03}",
                    "source": cell.source or f"{number}.png",
                    "digest": f"{number:064}",
                    "pattern": cell.pattern,
                    "specimen": cell.specimen,
                    "intensity": None,
                    "width": width,
                    "height": height,
                    "channels": 1 if cell.pixels.ndim == 2 else 3,
                    "bit_depth": 8 * cell.pixels.itemsize,
                    "content_bits": content_bits(int(cell.pixels.max())),
                    "mask": cell.mask is not None,
                    "pixels": cell.pixels.tobytes(),
                    "mask_bits": None if cell.mask is None else np.packbits(cell.mask).tobytes(),
                }
            )
        writer.flush()
        return project

    return make
