from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellquery.data import Project, read_image
from cellquery.data.audit import audit_project
from cellquery.data.audit.duplicates import (
    DuplicateGroup,
    best_of_eight,
    exact_duplicates,
    fingerprints,
    near_duplicates,
    turned,
)
from cellquery.data.audit.measurements import Measurements, measure

Painter = Callable[..., Any]
Maker = Callable[..., Project]


PHOTOGRAPHED_TWICE = [("04045", "04048"), ("07488", "07621"), ("09088", "09177")]


def measured(project: Project) -> Measurements:
    return measure(project.manifest(), project.store())


def members(groups: list[DuplicateGroup]) -> list[tuple[str, ...]]:
    return [group.cells for group in groups]


def test_pixel_identical_cells_are_found_whatever_their_files(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(0)
    one, two = painted(random), painted(random)
    cells = measured(project_of([one, two, one.but(source="copy.tif"), one]))

    assert members(exact_duplicates(cells)) == [("000", "002", "003")]
    assert near_duplicates(cells) == []


def test_same_bytes_of_another_shape_are_no_duplicate(painted: Painter, project_of: Maker) -> None:
    one = painted(np.random.default_rng(0))
    cells = measured(project_of([one, one.but(pixels=one.pixels.reshape(24, 96))]))

    assert exact_duplicates(cells) == []


@pytest.mark.parametrize("orientation", range(8))
def test_a_cell_turned_or_mirrored_and_changed_in_contrast_is_a_near_duplicate(
    painted: Painter, project_of: Maker, orientation: int
) -> None:
    random = np.random.default_rng(1)
    cells = [painted(random) for _ in range(12)]
    twin = turned(cells[3].pixels, orientation) * 0.4 + random.normal(30, 2, (48, 48))
    cells.append(cells[3].but(pixels=np.clip(twin, 0, 255).astype(np.uint8)))

    groups = near_duplicates(measured(project_of(cells)))

    assert members(groups) == [("003", "012")]
    assert 0.72 <= groups[0].similarity <= 1


def test_a_cell_in_another_size_and_bit_depth_is_a_near_duplicate(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(2)
    cells = [painted(random) for _ in range(6)]
    large = np.kron(cells[0].pixels, np.ones((2, 2), dtype=int)).astype(np.uint16) * 16
    cells.append(cells[0].but(pixels=large))

    assert members(near_duplicates(measured(project_of(cells)))) == [("000", "006")]


def test_round_cells_of_unlike_texture_are_no_duplicates(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(3)

    assert near_duplicates(measured(project_of([painted(random) for _ in range(60)]))) == []


def test_duplicates_are_joined_across_blocks(
    painted: Painter, project_of: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellquery.data.audit.duplicates._BLOCK", 4)
    random = np.random.default_rng(4)
    cells = [painted(random) for _ in range(9)]
    for place in (0, 6):
        noisy = cells[0].pixels + random.normal(0, 2, (48, 48))
        cells.append(cells[place].but(pixels=np.clip(noisy, 0, 255).astype(np.uint8)))

    assert members(near_duplicates(measured(project_of(cells)))) == [("000", "009", "010")]


def test_the_best_orientation_is_that_of_turning_one_side_eight_times() -> None:
    random = np.random.default_rng(7)
    here, there = (random.normal(size=(n, 6, 6)).astype(np.float32) for n in (4, 5))
    each = [np.einsum("mij,nij->mn", here, turned(there, number)) for number in range(8)]

    assert best_of_eight(here, there) == pytest.approx(np.max(each, axis=0), abs=1e-4)


def test_an_even_image_resembles_nothing() -> None:
    prints = fingerprints(np.full((2, 24, 24), 7, dtype=np.float32))

    assert not prints.any()


def test_duplicates_of_different_labels_specimens_and_parts_are_said(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(5)
    one, two = (painted(random, specimen="a") for _ in range(2))
    project = project_of([one, two, one.but(pattern="speckled", specimen="b")])
    project.save_split("halves", {"train": ["000", "001"], "test": ["002"]}, {})

    found = {finding.code: finding for finding in audit_project(project).findings}

    assert found["exact-duplicates"].cells == ("000", "002")
    assert found["exact-duplicates-with-different-labels"].severity == "error"
    assert "exact-duplicates-across-specimens" in found
    assert found["split-shares-exact-duplicates"].severity == "error"


def test_duplicates_within_one_part_do_not_leak(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(6)
    one, two = painted(random), painted(random)
    project = project_of([one, one, two])
    project.save_split("halves", {"train": ["000", "001"], "test": ["002"]}, {})

    codes = {finding.code for finding in audit_project(project).findings}

    assert "exact-duplicates" in codes
    assert "split-shares-exact-duplicates" not in codes


def test_real_cells_photographed_twice_are_found_among_others(
    i3a: Path, painted: Painter, project_of: Maker
) -> None:
    others = sorted(path.stem for path in (i3a / "training").glob("?????.png"))[::60]
    ids = [*(name for pair in PHOTOGRAPHED_TWICE for name in pair), *others]
    cell = painted(np.random.default_rng(0))
    images = [read_image(i3a / "training" / f"{name}.png").pixels for name in ids]

    groups = near_duplicates(measured(project_of([cell.but(pixels=image) for image in images])))

    assert members(groups) == [("000", "001"), ("002", "003"), ("004", "005")]
