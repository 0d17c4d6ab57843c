"""`cellquery audit` as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data import Project, import_cells

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, paint: Callable[..., Path]) -> Path:
    """Twelve cells, the last one a copy of the first with another label; one damaged file."""
    root = tmp_path_factory.mktemp("audit") / "source"
    rows = ["path,pattern,specimen"]
    for number in range(11):
        paint(root / f"{number}.png", number)
        rows.append(f"{number}.png,golgi,s{number // 6}")
    shutil.copy(root / "0.png", root / "11.png")
    (root / "12.png").write_bytes(b"")
    rows += ["11.png,speckled,s1", "12.png,golgi,s1"]
    (root / "cells.csv").write_text("\n".join(rows))
    return root


@pytest.fixture
def project(source: Path, tmp_path: Path) -> Path:
    project = Project.create(tmp_path / "project")
    import_cells(source, project)
    return project.path


def test_audit_prints_findings_and_writes_json_and_a_page(cli: Cli, project: Path) -> None:
    done = cli("audit", project)

    assert done.returncode == 0, done.stderr
    assert "ERROR: 1 group of pixel-identical cells with different patterns" in done.stdout
    assert "1 input could not be used" in done.stdout
    assert RESEARCH_USE_ONLY in done.stdout
    said = json.loads((project / "audit" / "audit.json").read_text())
    codes = [finding["code"] for finding in said["findings"]]
    assert {"unreadable", "exact-duplicates", "few-cells"} <= set(codes)
    assert "<html" in (project / "audit" / "audit.html").read_text()


def test_the_files_go_where_they_are_asked_for_and_findings_can_be_the_status(
    cli: Cli, project: Path, tmp_path: Path
) -> None:
    where = ("--json", tmp_path / "a.json", "--html", tmp_path / "a.html")
    done = cli("audit", project, "--quick", "--fail-on", "error", *where)

    assert done.returncode == 1
    assert done.stderr.count("error:") == 0
    assert (tmp_path / "a.json").exists()
    assert (tmp_path / "a.html").exists()
    assert not (project / "audit").exists()


def test_a_split_that_is_not_there_is_one_line(cli: Cli, project: Path) -> None:
    done = cli("audit", project, "--split", "mystery")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no split 'mystery'" in done.stderr
