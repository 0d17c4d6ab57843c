from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cellquery.data import Project
from cellquery.data.audit import audit_project
from cellquery.data.audit.file_order import FileOrder, file_order
from cellquery.data.audit.measurements import measure

Painter = Callable[..., Any]
Maker = Callable[..., Project]


@pytest.fixture
def sera(painted: Painter) -> list[Any]:
    """Two patterns of eight sera each; the twelve cells of a serum are one after the other."""
    random = np.random.default_rng(0)
    cells = []
    for serum in range(16):
        bright, side = random.uniform(40, 200), int(random.integers(42, 58))
        cells += [
            painted(random, side=side, bright=bright, pattern=("golgi", "speckled")[serum // 8])
            for _ in range(12)
        ]
    return cells


def order_of(project: Project) -> FileOrder | None:
    return file_order(measure(project.manifest(), project.store()), permutations=199)


def test_sera_filed_one_after_the_other_show_in_the_order(
    sera: list[Any], project_of: Maker
) -> None:
    order = order_of(project_of(sera))

    assert order is not None
    assert order.likeness > 3
    assert order.p_value == pytest.approx(1 / 200)
    assert order.run_length == pytest.approx(12, abs=4)


def test_shuffled_files_show_nothing(sera: list[Any], project_of: Maker) -> None:
    places = np.random.default_rng(1).permutation(len(sera))
    order = order_of(project_of([sera[place] for place in places]))

    assert order is not None
    assert order.likeness == pytest.approx(1, abs=0.15)
    assert order.p_value > 0.05


def test_numbers_in_file_names_are_compared_as_numbers(sera: list[Any], project_of: Maker) -> None:
    places = np.random.default_rng(2).permutation(len(sera))
    cells = [sera[place].but(source=f"cells/{place}.png") for place in places]
    project = project_of(cells)

    measured = measure(project.manifest(), project.store())
    filed = [measured.sources[row] for row in measured.file_order]

    assert filed == [f"cells/{place}.png" for place in range(len(sera))]
    order = order_of(project)
    assert order is not None
    assert order.likeness > 3


def test_the_finding_says_whether_the_order_holds_specimens(
    sera: list[Any], project_of: Maker
) -> None:
    found = {one.code: one for one in audit_project(project_of(sera), quick=True).findings}

    assert "times as alike" in found["specimens-unknown"].title
    assert "runs of about" in found["specimens-unknown"].explanation


def test_known_specimens_are_not_asked_for(sera: list[Any], project_of: Maker) -> None:
    known = [cell.but(specimen=f"s{place // 12}") for place, cell in enumerate(sera)]
    codes = {one.code for one in audit_project(project_of(known), quick=True).findings}

    assert "specimens-unknown" not in codes


def test_too_few_cells_say_nothing(sera: list[Any], project_of: Maker) -> None:
    assert order_of(project_of(sera[:6])) is None


def test_equal_cells_are_no_evidence_of_order(sera: list[Any], project_of: Maker) -> None:
    order = order_of(project_of([sera[0]] * 30))

    assert order is not None
    assert (order.likeness, order.p_value, order.run_length) == (1.0, 1.0, None)
