from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cellquery.annotation import Desk, Plan, open_database
from cellquery.data import Project
from cellquery.storage import Accounts
from cellquery.web import create_app

PASSWORD = "correct horse battery"
PAGE = {"x-cellquery": "1"}


@pytest.fixture
def desk(synthetic_project: Path, tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "cells"
    shutil.copytree(synthetic_project, path)
    project = Project.open(path)
    campaign = {"budget": 72, "first": 40}
    plan = Plan.of(project, split="random", pool=("train",), campaign=campaign)
    database = open_database(project)
    accounts = Accounts(database)
    for name, role in (("ana", "annotator"), ("rita", "reviewer"), ("admin", "administrator")):
        accounts.add(name, role)  # type: ignore[arg-type]
    yield Desk(project, plan, database)
    database.close()


@pytest.fixture
def anyone(desk: Desk) -> Iterator[TestClient]:
    """A client that is not signed in."""
    with TestClient(create_app(desk), base_url="http://localhost", headers=PAGE) as client:
        yield client


def signed_in(client: TestClient, name: str) -> TestClient:
    token = client.app.state.accounts.issue(name, "link")  # type: ignore[attr-defined]
    assert client.post("/api/sign-in-link", json={"token": token}).status_code == 200
    return client


@pytest.fixture
def ana(anyone: TestClient) -> TestClient:
    return signed_in(anyone, "ana")


@pytest.fixture
def admin(desk: Desk) -> Iterator[TestClient]:
    with TestClient(create_app(desk), base_url="http://localhost", headers=PAGE) as client:
        yield signed_in(client, "admin")
