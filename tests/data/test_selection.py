from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cellquery.core import CellqueryError
from cellquery.data import Project
from cellquery.data.selection import select


def test_parts_of_a_split_are_taken_or_left_out(synthetic_project: Path) -> None:
    project = Project.open(synthetic_project)
    everything, test = select(project), select(project, "random", ["test"])
    train = select(project, "random", leave_out=["test"])
    assert len(everything) == len(test) + len(train) == 96
    assert not set(test.ids) & set(train.ids)
    by_id = dict(zip(everything.ids, everything.patterns, strict=True))
    assert [by_id[cell_id] for cell_id in test.ids] == list(test.patterns)


def test_what_a_split_could_not_place_is_taken_when_it_is_named(
    synthetic_project: Path, tmp_path: Path
) -> None:
    project = Project.open(shutil.copytree(synthetic_project, tmp_path / "project"))
    ids = select(project).ids.tolist()
    parts = {"fold-0": ids[:40], "fold-1": ids[40:80], "specimen-unknown": ids[80:]}
    project.save_split("folds", parts, {"kind": "folds"})
    assert select(project, "folds", leave_out=["fold-0"]).ids.tolist() == ids[40:80]
    assert select(project, "folds").ids.tolist() == ids
    named = select(project, "folds", ["fold-1", "specimen-unknown"], leave_out=["fold-0"])
    assert named.ids.tolist() == ids[40:]
    everything = select(project, "folds", leave_out=["fold-0"], which="all")
    assert everything.ids.tolist() == ids[40:]


def test_unknown_splits_and_parts_are_named_with_what_there_is(synthetic_project: Path) -> None:
    project = Project.open(synthetic_project)
    with pytest.raises(CellqueryError, match="choose from train, test"):
        select(project, "random", ["exam"])
    with pytest.raises(CellqueryError, match="mystery"):
        select(project, "mystery")


@pytest.mark.parametrize("parts", [{"parts": ["test"]}, {"leave_out": ["test"]}])
def test_parts_without_a_split_are_refused(
    synthetic_project: Path, parts: dict[str, list[str]]
) -> None:
    with pytest.raises(CellqueryError, match="parts are named without a split"):
        select(Project.open(synthetic_project), **parts)
