from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import InputError, ProjectError
from cellquery.data import Project, import_cells


@pytest.fixture
def project(tmp_path: Path, paint: Callable[..., Path]) -> Project:
    for number in range(4):
        paint(tmp_path / "cells" / "golgi" / f"{number}.png", number)
    project = Project.create(tmp_path / "project")
    import_cells(tmp_path / "cells", project)
    return project


def test_folder_that_is_no_project_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="not a cellquery project; make one with: cellquery"):
        Project.open(tmp_path)


def test_project_is_not_made_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ProjectError, match="not empty"):
        Project.create(tmp_path)
    with pytest.raises(ProjectError, match="is a file"):
        Project.create(tmp_path / "thesis.txt")


def test_project_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text("format = 99\n")
    with pytest.raises(ProjectError, match="format 99"):
        Project.open(tmp_path)


def test_damaged_project_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text("format = \n")
    with pytest.raises(ProjectError, match=r"project\.toml: cannot be read"):
        Project.open(tmp_path)


def test_class_list_has_the_known_order_then_ones_own_and_stays(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", ["zebra", "Golgi", "apple", "NuMem"])
    expected = ("nuclear_membrane", "golgi", "apple", "zebra")
    assert project.patterns == expected
    project.declare(["golgi"])
    assert Project.open(tmp_path / "p").patterns == expected
    project.declare(["homogeneous"])
    assert Project.open(tmp_path / "p").patterns == ("homogeneous", *expected)


def test_names_with_quotes_and_accents_survive_the_project_file(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    project.declare(source={"path": 'd:\\käfig "neu"', "layout": "i3a"})
    (source,) = Project.open(tmp_path / "p").sources
    assert source["path"] == 'd:\\käfig "neu"'


def test_split_comes_back_with_its_parts_in_order_and_how_it_was_made(project: Project) -> None:
    parts = {"train": ["golgi/3", "golgi/0"], "test": ["golgi/1"], "spare": []}
    project.save_split("mine", parts, {"kind": "by hand", "seed": 3})
    got = Project.open(project.path).split("mine")
    assert {part: list(ids) for part, ids in got.items()} == {
        "train": ["golgi/0", "golgi/3"],
        "test": ["golgi/1"],
        "spare": [],
    }
    assert list(got) == ["train", "test", "spare"]
    assert project.about_split("mine") == {"kind": "by hand", "seed": 3}
    assert project.split_names == ("mine",)


def test_cell_in_two_parts_is_refused(project: Project) -> None:
    with pytest.raises(InputError, match="'golgi/1' is in both 'a' and 'b'"):
        project.save_split("mine", {"a": ["golgi/1"], "b": ["golgi/1"]}, {})


def test_split_of_unknown_cells_is_refused(project: Project) -> None:
    with pytest.raises(InputError, match="'nobody' is not in the project"):
        project.save_split("mine", {"a": ["nobody"]}, {})


@pytest.mark.parametrize("name", ["", "../away", ".hidden", "a b"])
def test_split_names_are_safe_file_names(project: Project, name: str) -> None:
    with pytest.raises(ProjectError, match="no name for a split"):
        project.save_split(name, {"a": ["golgi/1"]}, {})


def test_unknown_split_is_refused_with_the_known_ones(project: Project) -> None:
    project.save_split("mine", {"a": ["golgi/1"]}, {})
    with pytest.raises(ProjectError, match=r"no split 'other'.*there is: mine"):
        project.split("other")


def test_manifest_file_is_a_copy_of_the_manifest(project: Project) -> None:
    import pyarrow.parquet as pq

    assert pq.read_table(project.path / "manifest.parquet").equals(project.manifest())
