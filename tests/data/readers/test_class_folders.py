from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import InputError
from cellquery.data import Project, import_cells
from cellquery.data.labelling import Labelling
from cellquery.data.readers import detect_layout, open_source

Paint = Callable[..., Path]


def test_each_folder_is_a_pattern_and_unlabelled_is_none(tmp_path: Path, paint: Paint) -> None:
    for name in ("Golgi/2.png", "Golgi/10.tif", "NuMem/deep/1.bmp", "unlabelled/1.png"):
        paint(tmp_path / name)
    assert detect_layout(tmp_path) == "class-folders"
    assert [(cell.cell_id, cell.pattern) for cell in open_source(tmp_path)] == [
        ("Golgi/2", "Golgi"),
        ("Golgi/10", "Golgi"),
        ("NuMem/deep/1", "NuMem"),
        ("unlabelled/1", None),
    ]


@pytest.mark.parametrize("form", ["{part}/{name}", "{name}/{part}"])
def test_derivative_of_i3a_is_recognised_with_its_split(
    tmp_path: Path, paint: Paint, form: str
) -> None:
    for part in ("tra", "val", "tes"):
        for name in ("Homogeneous", "Golgi"):
            folder = form.format(part=part, name=name)
            paint(tmp_path / "source" / folder / "00001.png", size=(78, 78))
    assert detect_layout(tmp_path / "source") == "i3a-folders"
    project = Project.create(tmp_path / "project")
    summary = import_cells(tmp_path / "source", project)
    split = project.split("source")
    assert {part: len(ids) for part, ids in split.items()} == dict.fromkeys(
        ("train", "validation", "test"), 2
    )
    assert project.patterns == ("homogeneous", "golgi")
    assert "contrast-stretched" in summary.notices[0]


def test_masks_are_no_cells(tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "golgi" / "1.png")
    paint(tmp_path / "golgi" / "1_MASK.png")
    (cell,) = open_source(tmp_path)
    assert cell.mask_path == str(tmp_path / "golgi" / "1_MASK.png")


def test_folder_outside_the_class_list_stops_with_the_option(tmp_path: Path, paint: Paint) -> None:
    for name in ("golgi", "Dense Fine"):
        paint(tmp_path / "source" / name / "1.png")
    project = Project.create(tmp_path / "project")
    with pytest.raises(
        InputError, match=r"Dense Fine: pattern 'Dense Fine' is not .*--pattern dense_fine$"
    ):
        import_cells(tmp_path / "source", project)
    import_cells(tmp_path / "source", project, labelling=Labelling(("Dense Fine",)))
    assert project.patterns == ("golgi", "dense_fine")


def test_class_once_ones_own_is_known_to_the_project(tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "source" / "golgi" / "1.png")
    paint(tmp_path / "source" / "mine" / "1.png")
    project = Project.create(tmp_path / "project", ["mine"])
    assert import_cells(tmp_path / "source", project).patterns == {"golgi": 1, "mine": 1}


@pytest.mark.parametrize("declared", ["in the project", "with the import"])
def test_folders_of_ones_own_classes_alone_are_class_folders(
    tmp_path: Path, paint: Paint, declared: str
) -> None:
    for name in ("Rods", "rings"):
        paint(tmp_path / "source" / name / "1.png")
    classes = ("rods", "rings")
    project = Project.create(tmp_path / "project", classes * (declared == "in the project"))
    labelling = Labelling(classes * (declared == "with the import"))
    summary = import_cells(tmp_path / "source", project, labelling=labelling)
    assert (summary.layout, summary.patterns) == ("class-folders", {"rods": 1, "rings": 1})


def test_names_of_folders_that_were_not_taken_as_patterns_are_said(
    tmp_path: Path, paint: Paint
) -> None:
    note = "folder names were not taken as patterns; --layout class-folders does"
    for name in ("rods", "rings"):
        assert note not in (open_source(tmp_path).notices if name == "rings" else ())
        paint(tmp_path / name / "1.png")
    assert open_source(tmp_path).notices == (note,)
    assert open_source(tmp_path, "folder").notices == ()


def test_plain_folder_is_unlabelled_and_recursive(tmp_path: Path, paint: Paint) -> None:
    for name in ("b.png", "slide 2/a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("") if name == "notes.txt" else paint(tmp_path / name)
    assert detect_layout(tmp_path) == "folder"
    assert [(cell.cell_id, cell.pattern) for cell in open_source(tmp_path)] == [
        ("b", None),
        ("slide 2/a", None),
    ]


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image and no table"):
        detect_layout(tmp_path)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_source(tmp_path / "nowhere")


def test_unknown_layout_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose one of lshep2, icpr2012"):
        open_source(tmp_path, "mystery")
