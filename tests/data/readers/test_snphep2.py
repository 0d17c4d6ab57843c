from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.data import Project, import_cells
from cellquery.data.readers import detect_layout, open_source

Paint = Callable[..., Path]

CLASSES = ("homogeneous", "coarse speckled", "fine speckled", "nucleolar", "centromere")


@pytest.fixture
def folders(tmp_path: Path, paint: Paint) -> Path:
    for part in ("train", "test"):
        for number, name in enumerate(CLASSES):
            paint(tmp_path / part / name / f"{number}.png", number)
    return tmp_path


@pytest.fixture
def tables(tmp_path: Path, paint: Paint) -> Path:
    for part in ("train", "test"):
        rows = ["id,class,specimen"]
        for number, name in enumerate(CLASSES):
            paint(tmp_path / part / f"{number}.png", number)
            rows.append(f"{number},{name},{part}{number}")
        (tmp_path / part / "labels.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.parametrize("form", ["folders", "tables"])
def test_both_forms_are_recognised_and_keep_the_split(
    form: str, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(form)
    assert detect_layout(source) == "snphep2"
    project = Project.create(source / "project")
    import_cells(source, project)
    assert project.patterns == (
        "homogeneous",
        "nucleolar",
        "centromere",
        "coarse_speckled",
        "fine_speckled",
    )
    split = project.split("source")
    assert {part: len(ids) for part, ids in split.items()} == {"train": 5, "test": 5}
    assert all(cell_id.startswith("train/") for cell_id in split["train"])


def test_specimens_of_the_table_travel_with_the_cells(tables: Path) -> None:
    specimens = {cell.cell_id: cell.specimen for cell in open_source(tables)}
    assert specimens["test/3"] == "test3"


def test_class_folders_with_other_patterns_are_not_this_set(folders: Path, paint: Paint) -> None:
    paint(folders / "train" / "golgi" / "9.png")
    assert detect_layout(folders) == "class-folders"
