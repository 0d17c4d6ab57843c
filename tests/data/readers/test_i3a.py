from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import InputError
from cellquery.data import Project, import_cells
from cellquery.data.labelling import Labelling
from cellquery.data.readers import Columns, detect_layout, open_source

Paint = Callable[..., Path]


@pytest.fixture
def contest(tmp_path: Path, paint: Paint) -> Path:
    """The contest's folder: padded numbers, masks, a csv beside the folder of images."""
    for number in (1, 2, 10):
        paint(tmp_path / "training" / f"{number:05}.png", number)
        paint(tmp_path / "training" / f"{number:05}_Mask.png", number)
    (tmp_path / "gt_training.csv").write_text(
        "Image ID,Image class\n00001,Homogeneous\n00002,golgi\n"
    )
    return tmp_path


def test_contest_folder_is_recognised(contest: Path) -> None:
    assert detect_layout(contest) == "i3a"


def test_cells_have_their_labels_and_masks_and_the_rest_is_unlabelled(contest: Path) -> None:
    cells = list(open_source(contest))
    assert [(cell.cell_id, cell.pattern) for cell in cells] == [
        ("00001", "Homogeneous"),
        ("00002", "golgi"),
        ("00010", None),
    ]
    assert cells[0].mask_path == str(contest / "training" / "00001_Mask.png")
    assert cells[0].part is None


def test_images_may_lie_in_the_source_itself(contest: Path) -> None:
    training = contest / "training"
    (contest / "gt_training.csv").rename(training / "gt_training.csv")
    assert [cell.pattern for cell in open_source(training)] == ["Homogeneous", "golgi", None]


def test_stray_image_beside_the_folder_of_cells_hides_none_of_them(
    contest: Path, paint: Paint
) -> None:
    before = list(open_source(contest))
    paint(contest / "stray.png", 77)
    stray, *cells = open_source(contest)
    assert (stray.cell_id, stray.pattern) == ("stray", None)
    assert cells == before


def test_stray_image_beside_two_parts_changes_no_id_or_label(tmp_path: Path, paint: Paint) -> None:
    for part, pattern in (("training", "Golgi"), ("test", "NuMem")):
        paint(tmp_path / part / "00001.png", len(part))
        (tmp_path / f"gt_{part}.csv").write_text(f"Image ID,Image class\n1,{pattern}\n")
    before = list(open_source(tmp_path))
    assert [(cell.cell_id, cell.pattern) for cell in before] == [
        ("test/00001", "NuMem"),
        ("training/00001", "Golgi"),
    ]
    paint(tmp_path / "stray.png", 77)
    assert list(open_source(tmp_path))[1:] == before


def test_thumbnails_below_the_images_are_no_cells(contest: Path, paint: Paint) -> None:
    training = contest / "training"
    (contest / "gt_training.csv").rename(training / "gt_training.csv")
    before = list(open_source(training))
    paint(training / "thumbnails" / "00001.png", 1)
    assert list(open_source(training)) == before


@pytest.mark.parametrize(
    "text",
    [
        "Image ID,Image class\n1,NUMEM\n2,numem\n10,NuMem\n",
        "image id;image class\n00001;numem\n00002;NuMem\n10;NuMem\n",
        "\ufeffImage ID,Image class\r\n1.png,numem\r\n2.png,NuMem\r\n10.png,NuMem\r\n",
    ],
)
def test_ids_may_be_padded_or_not_and_classes_in_any_case(
    contest: Path, tmp_path: Path, text: str
) -> None:
    (contest / "gt_training.csv").write_text(text, encoding="utf-8")
    project = Project.create(tmp_path / "project")
    import_cells(contest, project, layout="i3a")
    assert project.manifest()["pattern"].to_pylist() == ["nuclear_membrane"] * 3


def test_csv_that_contradicts_itself_is_refused(contest: Path) -> None:
    with (contest / "gt_training.csv").open("a") as file:
        file.write("1,Golgi\n")
    with pytest.raises(InputError, match=r"gt_training.csv line 4: cell '1' has pattern 'Golgi'"):
        list(open_source(contest))


def test_folder_without_the_csv_is_not_this_layout(contest: Path) -> None:
    (contest / "gt_training.csv").unlink()
    assert detect_layout(contest) == "folder"
    with pytest.raises(InputError, match="no csv with the columns Image ID and Image class"):
        open_source(contest, "i3a")


def test_real_cells_are_all_there_with_their_patterns_and_specimens(
    i3a: Path, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "project")
    labelling = Labelling(
        annotations=i3a / "roles.csv", columns=Columns(id="id", specimen="estimated_specimen")
    )
    summary = import_cells(i3a, project, labelling=labelling)
    assert summary.layout == "i3a"
    assert (summary.imported, summary.faults) == (8_424, [])
    manifest = project.manifest()
    assert Counter(manifest["pattern"].to_pylist()) == {
        "homogeneous": 1_430,
        "speckled": 1_692,
        "nucleolar": 1_808,
        "centromere": 1_782,
        "nuclear_membrane": 1_273,
        "golgi": 439,
    }
    assert len(set(manifest["specimen"].to_pylist())) == 58
    assert manifest["specimen"].null_count == 0
    assert set(manifest["mask"].to_pylist()) == {True}
    sides = manifest["width"].to_pylist() + manifest["height"].to_pylist()
    assert (min(sides), max(sides)) == (54, 111)
    assert manifest["cell_id"].to_pylist()[0] == "00313"
