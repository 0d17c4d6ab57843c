from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cellquery.core import InputError, ProjectError
from cellquery.data import Project
from cellquery.data.audit import audit_project
from cellquery.data.faults import write_faults

Painter = Callable[..., Any]
Maker = Callable[..., Project]


def codes_of(project: Project, **options: Any) -> dict[str, str]:
    found = audit_project(project, **options).findings
    return {finding.code: finding.severity for finding in found}


def test_a_project_without_labels_is_audited(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(0)
    cells = [painted(random, pattern=None) for _ in range(25)]
    audit = audit_project(project_of([*cells, cells[0]]))

    codes = {finding.code for finding in audit.findings}
    assert {"unlabelled", "exact-duplicates", "specimens-unknown"} <= codes
    assert audit.cues == ()
    assert audit.order is not None


def test_what_is_said_fits_json_and_is_stable(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(1)
    cells = [
        painted(random, bright=60 + place, pattern=("golgi", "speckled")[place % 2], specimen="a")
        for place in range(30)
    ]
    said = audit_project(project_of(cells)).to_json()

    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert said["format"] == 1
    assert {"findings", "patterns", "duplicates", "properties", "file_order", "splits"} <= set(said)
    assert said["patterns"][0] == {
        "name": "speckled",
        "n_cells": 15,
        "n_specimens": 1,
        "largest_specimen": 15,
    }


def test_skipped_inputs_and_poor_images_are_found(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(2)
    fine = painted(random)
    burnt = np.clip(fine.pixels.astype(int) * 4, 0, 255).astype(np.uint8)
    project = project_of(
        [
            fine,
            fine.but(pixels=(fine.pixels > 60).astype(np.uint8)),
            fine.but(pixels=burnt),
            fine.but(pixels=fine.pixels.astype(np.uint16) * 3),
            painted(random, mask=np.zeros((48, 48), dtype=bool)),
        ]
    )
    write_faults(
        project.path, project.path, [InputError(project.path / "x.png", "empty file", "copy it")]
    )
    found = {finding.code: finding for finding in audit_project(project, quick=True).findings}

    assert found["unreadable"].cells == (str(project.path.absolute() / "x.png"),)
    assert found["nearly-empty"].cells == ("001",)
    assert found["saturated"].cells == ("002",)
    assert found["mixed-bit-depth"].cells == ("003",)
    assert found["empty-mask"].cells == ("004",)


def test_cells_of_a_12_bit_camera_in_16_bit_files_are_burnt_out_at_4095(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(10)
    dim = painted(random)
    counts = dim.pixels.astype(np.uint16)
    burnt = np.where(counts > 100, 4095, counts * 16).astype(np.uint16)
    stretched = np.where(counts == counts.min(), 0, burnt).astype(np.uint16)
    cells = [dim.but(pixels=counts), dim.but(pixels=burnt), dim.but(pixels=stretched)]
    audit = audit_project(project_of(cells), quick=True)
    found = {finding.code: finding for finding in audit.findings}

    assert found["saturated"].cells == ("001", "002")
    assert audit.cells.properties["stretched"].tolist() == [0, 0, 1]


def test_few_cells_few_specimens_and_imbalance_are_found(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(3)
    cells = [painted(random, pattern="golgi", specimen=f"g{place % 6}") for place in range(60)]
    cells += [painted(random, pattern="speckled", specimen=f"s{place % 2}") for place in range(5)]
    audit = audit_project(project_of(cells, ["golgi", "speckled", "centromere"]), quick=True)
    found = {finding.code: finding for finding in audit.findings}

    assert found["few-cells"].numbers == {"speckled": 5}
    assert found["few-specimens"].numbers == {"speckled": 2}
    assert found["imbalance"].severity == "warning"
    assert found["pattern-without-cells"].numbers == {"patterns": ["centromere"]}


def test_a_split_that_shares_specimens_is_told_from_one_that_does_not(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(4)
    cells = [painted(random, specimen=f"s{place // 3}") for place in range(6)]
    project = project_of(cells)
    project.save_split("shared", {"train": ["000", "001", "003"], "test": ["002"]}, {})
    project.save_split("apart", {"train": ["000", "001"], "test": ["003"]}, {})

    shared = audit_project(project, split="shared").splits[0]
    assert shared.shared_specimens == ("s0",)
    assert shared.share_of_cells == 0.75
    assert "split-shares-specimens" in codes_of(project, split="shared")
    assert "split-shares-specimens" not in codes_of(project, split="apart")


def test_parts_that_take_up_the_rest_are_passed_over(painted: Painter, project_of: Maker) -> None:
    random = np.random.default_rng(5)
    one = painted(random, specimen="a")
    project = project_of([one, one.but(pattern=None)])
    project.save_split("rest", {"train": ["000"], "test": [], "unlabelled": ["001"]}, {})

    codes = codes_of(project)
    assert "split-shares-exact-duplicates" not in codes
    assert "split-shares-specimens" not in codes


def test_a_split_without_a_pattern_and_one_of_unknown_specimens_are_found(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(6)
    project = project_of([painted(random), painted(random, pattern="speckled"), painted(random)])
    project.save_split("halves", {"train": ["000", "001"], "test": ["002"]}, {})

    found = {finding.code: finding for finding in audit_project(project).findings}
    assert found["split-lacks-patterns"].numbers["missing"] == {"test": ["speckled"]}
    assert "split-of-unknown-specimens" in found


def test_errors_come_first_and_severities_are_reached_in_order(
    painted: Painter, project_of: Maker
) -> None:
    random = np.random.default_rng(7)
    one = painted(random, specimen="a")
    audit = audit_project(project_of([one, one.but(pattern="speckled"), painted(random)]))

    order = [finding.severity for finding in audit.findings]
    assert order == sorted(order, key=("error", "warning", "note").index)
    assert audit.reaches("error")
    assert audit.reaches("warning")


def test_quick_leaves_out_near_duplicates(painted: Painter, project_of: Maker) -> None:
    audit = audit_project(project_of([painted(np.random.default_rng(8))] * 2), quick=True)

    assert audit.near is None
    assert len(audit.exact) == 1
    assert audit.to_json()["duplicates"]["near"] is None


def test_a_split_that_is_not_there_is_one_line(painted: Painter, project_of: Maker) -> None:
    project = project_of([painted(np.random.default_rng(9))])
    with pytest.raises(ProjectError, match="no split 'mystery'"):
        audit_project(project, split="mystery")


def test_an_empty_project_is_one_line(project_of: Maker) -> None:
    with pytest.raises(ProjectError, match="holds no cell"):
        audit_project(project_of([], ["golgi"]))
