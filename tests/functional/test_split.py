"""`cellquery split` as a process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.data import Project, import_cells

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, paint: Callable[..., Path]) -> Path:
    """Forty cells, eight of each of five specimens, two patterns; four without a label."""
    root = tmp_path_factory.mktemp("split")
    rows = ["path,pattern,specimen"]
    for number in range(44):
        paint(root / "source" / f"{number}.png", number)
        pattern = ("golgi" if number < 24 else "speckled") if number < 40 else ""
        rows.append(f"{number}.png,{pattern},s{number // 8}")
    (root / "source" / "cells.csv").write_text("\n".join(rows))
    project = Project.create(root / "project")
    import_cells(root / "source", project)
    return project.path


def test_split_prints_the_cells_per_part_and_pattern(cli: Cli, project: Path) -> None:
    done = cli("split", project)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1:5] == [
        ["part", "Speck", "Golgi", "unlabelled", "cells"],
        ["train", "13", "20", "0", "33"],
        ["test", "3", "4", "0", "7"],
        ["unlabelled", "0", "0", "4", "4"],
    ]
    assert "say little" in done.stderr or "says little" in done.stderr
    assert Project.open(project).about_split("cell") == {
        "kind": "train and test",
        "by": "cell",
        "seed": 0,
        "fraction": 0.2,
    }


def test_same_seed_gives_the_same_split_and_another_another(cli: Cli, project: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("split", project, "--seed", seed, "--name", name).returncode == 0
    a, b, c = (set(Project.open(project).split(name)["test"]) for name in "abc")
    assert a == b
    assert a != c


def test_folds_by_specimen_share_none(cli: Cli, project: Path) -> None:
    done = cli("split", project, "--by", "specimen", "--folds", "2")
    assert done.returncode == 0, done.stderr
    opened = Project.open(project)
    manifest = opened.manifest()
    specimen_of = dict(
        zip(manifest["cell_id"].to_pylist(), manifest["specimen"].to_pylist(), strict=True)
    )
    folds = opened.split("specimen-2-folds")
    first, second = ({specimen_of[i] for i in folds[f"fold-{n}"]} for n in (0, 1))
    assert first
    assert second
    assert not first & second


def test_parts_of_a_table_are_taken_over(cli: Cli, project: Path, tmp_path: Path) -> None:
    (tmp_path / "roles.csv").write_text("id,role\n00000,pool\n1,test\n")
    done = cli(
        "split", project, "--from-table", tmp_path / "roles.csv",
        "--id-column", "id", "--part-column", "role", "--name", "roles",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    parts = Project.open(project).split("roles")
    assert list(parts["pool"]) == ["0"]
    assert list(parts["test"]) == ["1"]
    assert len(parts["not-in-table"]) == 42


def test_one_part_of_a_split_can_be_divided_again(cli: Cli, project: Path) -> None:
    cli("split", project, "--name", "outer")
    done = cli("split", project, "--within", "outer:train", "--folds", "3", "--name", "inner")
    assert done.returncode == 0, done.stderr
    opened = Project.open(project)
    together = [i for ids in opened.split("inner").values() for i in ids]
    assert sorted(together) == sorted(opened.split("outer")["train"])


def test_what_is_divided_again_stays(cli: Cli, project: Path) -> None:
    cli("split", project)
    before = {part: list(ids) for part, ids in Project.open(project).split("cell").items()}
    done = cli("split", project, "--within", "cell:train")
    assert done.returncode == 0, done.stderr
    opened = Project.open(project)
    assert {part: list(ids) for part, ids in opened.split("cell").items()} == before
    inner = opened.split("cell-train-cell")
    assert sorted([*inner["train"], *inner["test"]]) == sorted(before["train"])
    same = cli("split", project, "--within", "cell:train", "--name", "cell")
    assert same.returncode == 1
    assert "is the split that is divided" in same.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--fraction", "1.5"], "fraction 1.5: not between 0 and 1"),
        (["--by", "specimen", "--folds", "9"], "9 folds: only 5 specimens"),
        (["--within", "nothing:train"], "no split 'nothing'"),
        (["--name", "../x"], "../x: no name for a split"),
    ],
)
def test_request_that_cannot_be_met_is_one_line_and_status_1(
    cli: Cli, project: Path, arguments: list[str], fault: str
) -> None:
    done = cli("split", project, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert fault in line


def test_folder_that_is_no_project_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("split", tmp_path)
    assert done.returncode == 1
    assert "not a cellquery project" in done.stderr
