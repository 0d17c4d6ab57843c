"""Labels, accounts, agreement, backup and restore on the command line."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.annotation import Plan
from cellquery.data import Project
from tests.browser import Served

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(synthetic_project: Path, tmp_path: Path) -> Path:
    path = tmp_path / "cells"
    shutil.copytree(synthetic_project, path)
    Plan.of(Project.open(path), split="random", pool=("train",))
    return path


def test_labels_go_in_and_out_and_are_restored_elsewhere(
    cli: Cli, project: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    pool = sorted(Project.open(project).split("random")["train"])
    for name in ("ana", "ben"):
        assert cli("accounts", "add", project, name, "--no-password").returncode == 0
    for name, patterns in (
        ("ana", ["golgi"] * 4),
        ("ben", ["golgi", "golgi", "speckled", "golgi"]),
    ):
        table = tmp_path / f"{name}.csv"
        rows = "".join(f"{cell},{p}\n" for cell, p in zip(pool, patterns, strict=False))
        table.write_text(f"cell_id,label\n{rows}")
        done = cli("labels", "import", project, table, "--account", name)
        assert done.stdout.strip() == f"4 labels of {name} taken in"
    done = cli("labels", "export", project, "--out", tmp_path / "out" / "labels.csv")
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "labels.csv", newline="") as file:
        rows_out = list(csv.DictReader(file))
    assert [row["label"] for row in rows_out] == ["golgi", "golgi", "", "golgi"]
    said = cli("agreement", project).stdout
    assert "ana and ben: 4 cells" in said
    assert "For Research Use Only" in said
    assert json.loads(cli("agreement", project, "--json").stdout)["n_cells"] == 4
    assert cli("backup", project, tmp_path / "labels.backup").stdout.startswith("8 annotations")
    other = tmp_path / "other"
    shutil.copytree(synthetic_project, other)
    Plan.of(Project.open(other), split="random", pool=("train",))
    assert (
        cli("restore", other, tmp_path / "labels.backup").stdout.strip() == "8 annotations restored"
    )
    assert cli("agreement", other).stdout == said
    again = cli("restore", other, tmp_path / "labels.backup")
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_accounts_are_listed_linked_and_closed(cli: Cli, project: Path) -> None:
    assert (
        cli("accounts", "add", project, "ana", "--role", "reviewer", "--no-password").returncode
        == 0
    )
    assert cli("accounts", "list", project).stdout == "ana  reviewer\n"
    assert cli("accounts", "link", project, "ana").stdout.startswith("/#sign-in=")
    assert cli("accounts", "close", project, "ana").returncode == 0
    assert cli("accounts", "list", project).stdout == "ana  reviewer  closed\n"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["labels", "export", "{project}", "--out", "x", "--form", "xml"], "there is no 'xml'"),
        (["labels", "export", "{project}", "--out", "l3.xlsx"], "suffix '.xlsx' is not known"),
        (["labels", "export", "{project}", "--out", "l.json", "--form", "csv"], "is that of label"),
        (["labels", "import", "{project}", "absent.csv", "--account", "ana"], "no such account"),
        (["accounts", "link", "{project}", "nobody"], "no such account"),
        (["accounts", "add", "{project}", "<b>", "--no-password"], "the name is unfit"),
        (["restore", "{project}", "absent"], "no such file"),
        (["backup", "{project}", "absent/folder/file"], "cannot be written"),
        (["agreement", "{project}", "--database", "mysql://x"], "is no database that can be used"),
        (["agreement", "{bare}"], "nobody annotates it yet"),
        (["campaign", "people", "{bare}"], "nobody annotates it yet"),
        (["serve", "{bare}"], "every cell has a pattern already"),
        (["serve", "{bare}", "--split", "random", "--pool", "x"], "has no part 'x'"),
        (["serve", "{project}", "--overlap", "0.5"], "annotation began with another overlap"),
        (["serve", "{project}", "--overlap", "2"], "overlap: Input should be less"),
        (["serve", "{project}", "--database", "postgresql://host:port/labels"], "no number"),
        (["serve", "{project}", "--port", "99999"], "cannot be listened on"),
    ],
)
def test_faults_are_one_line_with_a_remedy(
    cli: Cli,
    project: Path,
    synthetic_project: Path,
    tmp_path: Path,
    arguments: list[str],
    fault: str,
) -> None:
    given = [each.format(project=project, bare=synthetic_project) for each in arguments]
    done = cli(*given, cwd=tmp_path)
    assert done.returncode == 1
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(cli: Cli, project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cli("serve", project, "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: cannot be listened on" in done.stderr


def test_serve_signs_in_an_administrator_of_a_free_name(cli: Cli, project: Path) -> None:
    assert cli("accounts", "add", project, "admin", "--no-password").returncode == 0
    assert _signed_in_by_serve(project) == "admin-2"
    assert _signed_in_by_serve(project) == "admin-2", "it is there now"
    assert cli("accounts", "close", project, "admin-2").returncode == 0
    assert _signed_in_by_serve(project) == "admin-3"


def test_training_ends_when_its_server_ended_before_it_began(cli: Cli, project: Path) -> None:
    # Like one that was left behind, it is not the child of the process that it is to end with.
    done = cli("campaign", "people", project, "--with-parent", os.getpid(), timeout_s=120)
    assert done.returncode == 0, done.stderr


def _signed_in_by_serve(project: Path) -> str:
    """Return whom the link signs in that `cellquery serve` prints."""
    served = Served(project, project / "serve.log", ["--no-training"])
    served.start()
    served.kill()
    found = re.search(r"the link signs (\S+) in", served.log.read_text("utf-8"))
    assert found is not None
    return found[1]
