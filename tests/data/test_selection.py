from __future__ import annotations

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


def test_unknown_splits_and_parts_are_named_with_what_there_is(synthetic_project: Path) -> None:
    project = Project.open(synthetic_project)
    with pytest.raises(CellqueryError, match="choose from train, test"):
        select(project, "random", ["exam"])
    with pytest.raises(CellqueryError, match="mystery"):
        select(project, "mystery")
