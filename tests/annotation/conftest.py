from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellquery.annotation import Desk, Plan, open_database
from cellquery.data import Project
from cellquery.storage import Account, Accounts, NewAnnotation

ANA = Account("ana", "annotator")
BEN = Account("ben", "annotator")
RITA = Account("rita", "reviewer")


@pytest.fixture
def project(synthetic_project: Path, tmp_path: Path) -> Project:
    path = tmp_path / "cells"
    shutil.copytree(synthetic_project, path)
    return Project.open(path)


@pytest.fixture
def desk_with(project: Project) -> Iterator[Callable[..., Desk]]:
    """A function that returns a desk over the part `train`, with other values of the plan."""
    databases = []

    def desk_with(lease_s: float = 900.0, **values: Any) -> Desk:
        values.setdefault("campaign", {"budget": 72, "first": 40})
        plan = Plan.of(project, split="random", pool=("train",), **values)
        database = open_database(project)
        databases.append(database)
        accounts = Accounts(database)
        for each in (ANA, BEN, RITA):
            if accounts.find(each.name) is None:
                accounts.add(each.name, each.role)
        return Desk(project, plan, database, lease_s=lease_s)

    yield desk_with
    for each in databases:
        each.close()


@pytest.fixture
def desk(desk_with: Callable[..., Desk]) -> Desk:
    return desk_with()


def label(
    cell_id: str, pattern: str = "golgi", key: str | None = None, **more: Any
) -> NewAnnotation:
    return NewAnnotation(key or f"key-{cell_id}-{pattern}", cell_id, "", "label", pattern, **more)
