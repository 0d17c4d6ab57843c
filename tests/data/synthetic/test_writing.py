from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.core import ProjectError
from cellquery.data import Project, import_cells, read_image, read_mask
from cellquery.data.synthetic import (
    SyntheticSettings,
    into_folder,
    into_project,
    synthesize,
    synthetic_cells,
)

SETTINGS = SyntheticSettings(n_specimens=6, seed=1)


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_a_project_holds_the_cells_as_they_were_made(tmp_path: Path, bit_depth: int) -> None:
    settings = SyntheticSettings(n_specimens=6, seed=1, bit_depth=bit_depth)
    project = into_project(12, settings, tmp_path / "project")
    store = project.store()

    for cell in synthetic_cells(12, settings):
        assert store.pixels(cell.cell_id).dtype == cell.pixels.dtype
        assert np.array_equal(store.pixels(cell.cell_id), cell.pixels)
        assert np.array_equal(store.mask(cell.cell_id), cell.mask)


def test_a_project_knows_what_is_known_of_each_cell(tmp_path: Path) -> None:
    rows = into_project(12, SETTINGS, tmp_path / "project").manifest().to_pylist()

    assert [(r["cell_id"], r["pattern"], r["specimen"], r["intensity"]) for r in rows] == [
        (c.cell_id, c.pattern, c.specimen, c.intensity) for c in synthetic_cells(12, SETTINGS)
    ]
    assert {row["mask"] for row in rows} == {True}
    assert {row["content_bits"] for row in rows} == {8}


def test_a_project_says_that_its_cells_are_synthetic(tmp_path: Path) -> None:
    into_project(6, SETTINGS, tmp_path / "project")

    assert [source["layout"] for source in Project.open(tmp_path / "project").sources] == [
        "synthetic"
    ]


def test_a_project_can_be_extended_and_is_the_same_as_one_made_at_once(tmp_path: Path) -> None:
    into_project(8, SETTINGS, tmp_path / "project")
    extended = into_project(20, SETTINGS, tmp_path / "project").manifest()
    at_once = into_project(20, SETTINGS, tmp_path / "other").manifest()

    assert extended.sort_by("cell_id").equals(at_once.sort_by("cell_id"))


def test_a_project_of_another_seed_is_left_alone(tmp_path: Path) -> None:
    into_project(6, SETTINGS, tmp_path / "project")

    with pytest.raises(ProjectError, match="other settings"):
        into_project(6, SETTINGS.model_copy(update={"seed": 2}), tmp_path / "project")
    assert len(Project.open(tmp_path / "project").store()) == 6


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_a_folder_has_a_table_of_images_and_masks(tmp_path: Path, bit_depth: int) -> None:
    settings = SyntheticSettings(n_specimens=6, bit_depth=bit_depth)
    table = into_folder(8, settings, tmp_path / "cells")

    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "path", "mask", "pattern", "specimen", "intensity"]
    for row, cell in zip(rows, synthesize(8, n_specimens=6, bit_depth=bit_depth), strict=True):
        assert row["id"] == cell.cell_id
        image = read_image(table.parent / row["path"])
        assert image.bit_depth == bit_depth
        assert np.array_equal(image.pixels, cell.pixels)
        assert np.array_equal(read_mask(table.parent / row["mask"], cell.mask.shape), cell.mask)


def test_a_folder_imports_as_the_same_cells(tmp_path: Path) -> None:
    direct = into_project(12, SETTINGS, tmp_path / "direct")
    into_folder(12, SETTINGS, tmp_path / "folder")
    imported = Project.create(tmp_path / "imported")
    import_cells(tmp_path / "folder", imported)

    known = ["cell_id", "pattern", "specimen", "intensity", "width", "height", "mask"]
    assert imported.manifest().select(known).equals(direct.manifest().select(known))
    for cell_id in direct.store().ids:
        assert np.array_equal(imported.store().pixels(cell_id), direct.store().pixels(cell_id))
        assert np.array_equal(imported.store().mask(cell_id), direct.store().mask(cell_id))


def test_every_png_says_that_it_is_synthetic(tmp_path: Path) -> None:
    into_folder(6, SETTINGS, tmp_path)

    for path in tmp_path.rglob("*.png"):
        with Image.open(path) as image:
            assert "Synthetic" in image.info["Description"]


def test_a_folder_with_a_table_is_left_alone(tmp_path: Path) -> None:
    into_folder(6, SETTINGS, tmp_path)

    with pytest.raises(ProjectError, match="exists already"):
        into_folder(6, SETTINGS, tmp_path)


def test_progress_reaches_the_number_asked_for(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    into_project(
        6, SETTINGS, tmp_path / "p", progress=lambda _, done, total=None: told.append((done, total))
    )

    assert told[-1] == (6, 6)
