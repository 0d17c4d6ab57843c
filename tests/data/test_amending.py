from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from upath import UPath

from cellquery.data import Project, import_cells, shards
from cellquery.data.labelling import Labelling
from cellquery.data.shards import found_shards

Paint = Callable[..., Path]
Place = Path | UPath

N_CELLS = 10


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_CELLS", 4)


@pytest.fixture
def source(tmp_path: Path, paint: Paint) -> Path:
    """Ten cells that say nothing of themselves."""
    for number in range(N_CELLS):
        paint(tmp_path / "source" / f"{number}.png", number)
    return tmp_path / "source"


@pytest.fixture
def annotations(tmp_path: Path) -> Callable[[str], Labelling]:
    def write(text: str) -> Labelling:
        (tmp_path / "annotations.csv").write_text(text)
        return Labelling(annotations=tmp_path / "annotations.csv")

    return write


Annotations = Callable[[str], Labelling]


def facts(project: Project) -> list[tuple[Any, ...]]:
    rows = project.manifest().select(["pattern", "specimen", "intensity", "mask"]).to_pylist()
    return [tuple(row.values()) for row in rows]


def versions(project: Project) -> dict[str, str]:
    return {shard.name: shard.version for shard in found_shards(project.path / "images")}


def test_what_a_source_now_says_is_taken_over_and_pixels_stay(
    source: Path, root: Place, annotations: Annotations
) -> None:
    project = Project.create(root / "project")
    import_cells(source, project)
    before = {cell_id: project.store().pixels(cell_id).copy() for cell_id in project.store().ids}
    written = versions(project)
    labelled = annotations("id,pattern,specimen,intensity\n1,Golgi,s1,positive\n9,NuMem,,\n")
    summary = import_cells(source, project, labelling=labelled)
    assert (summary.imported, summary.kept, summary.taken_over) == (0, N_CELLS, 2)

    opened = Project.open(str(project.path))
    assert facts(opened)[1] == ("golgi", "s1", "positive", False)
    assert facts(opened)[9] == ("nuclear_membrane", None, None, False)
    assert facts(opened)[2] == (None, None, None, False)
    assert opened.patterns == ("nuclear_membrane", "golgi")
    store = opened.store()
    assert store.ids == list(before)
    for cell_id, pixels in before.items():
        np.testing.assert_array_equal(store.pixels(cell_id), pixels)
    # The shard without any of the two was left alone.
    assert {name for name, version in versions(project).items() if version == written[name]} == {
        "part-00001.arrow"
    }


def test_what_a_source_does_not_say_stays_and_nothing_is_written(
    source: Path, tmp_path: Path, annotations: Annotations
) -> None:
    project = Project.create(tmp_path / "project")
    labelled = annotations("id,pattern,specimen\n1,Golgi,s1\n")
    import_cells(source, project, labelling=labelled)
    files = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    for labelling in (Labelling(), labelled, annotations("id,specimen\n1,n/a\n2,\n")):
        assert import_cells(source, project, labelling=labelling).taken_over == 0
    assert files == {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}


def test_another_pattern_takes_the_place_of_the_one_before(
    source: Path, tmp_path: Path, annotations: Annotations
) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(source, project, labelling=annotations("id,pattern,specimen\n1,Golgi,s1\n"))
    import_cells(source, project, labelling=annotations("id,pattern\n1,speckled\n"))
    assert facts(project)[1] == ("speckled", "s1", None, False)


def test_masks_drawn_later_and_again_are_taken_over(source: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(source, project)
    mask = np.zeros((20, 24), np.uint8)
    for left in (2, 8):
        mask[5:15, left:12] = 255
        Image.fromarray(mask).save(source / "3_mask.png")
        assert import_cells(source, project).taken_over == 1
        np.testing.assert_array_equal(project.store().mask("3"), mask > 0)
        assert facts(project)[3][3]
        mask[:] = 0
    assert import_cells(source, project).taken_over == 0


def test_mask_that_does_not_fit_is_skipped_and_listed(source: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(source, project)
    Image.new("L", (9, 30), 255).save(source / "3_mask.png")
    summary = import_cells(source, project)
    assert [fault.fault for fault in summary.faults] == [
        "mask of 9 x 30 px for an image of 24 x 20 px"
    ]
    assert len(project.store()) == N_CELLS


def test_interrupted_between_two_shards_it_goes_on(
    source: Path, root: Place, annotations: Annotations
) -> None:
    project = Project.create(root / "project")
    import_cells(source, project)
    # A longer name makes a shard larger than the manifest tells.
    rows = (f"{number},Golgi,a serum of a long name {number}" for number in range(N_CELLS))
    labelled = annotations("id,pattern,specimen\n" + "\n".join(rows))

    def interrupt(task: str, done: int, total: int | None = None) -> None:
        if task == "taking over":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_cells(source, project, labelling=labelled, progress=interrupt)
    half = Project.open(str(project.path))
    assert [pattern for pattern, *_ in facts(half)] == ["golgi"] * 4 + [None] * 6
    assert import_cells(source, half, labelling=labelled).taken_over == 6
    assert {pattern for pattern, *_ in facts(Project.open(str(project.path)))} == {"golgi"}


def test_new_cells_come_in_with_what_is_taken_over(
    source: Path, tmp_path: Path, annotations: Annotations, paint: Paint
) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(source, project)
    paint(source / "10.png", 10)
    labelled = annotations("id,pattern\n0,Golgi\n10,Golgi\n")
    summary = import_cells(source, project, labelling=labelled)
    assert (summary.imported, summary.kept, summary.taken_over) == (1, N_CELLS, 1)
    patterns = [pattern for pattern, *_ in facts(Project.open(project.path))]
    assert patterns == ["golgi", *[None] * 9, "golgi"]


def test_splits_made_before_are_named(
    source: Path, tmp_path: Path, annotations: Annotations
) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(source, project)
    project.save_split("mine", {"train": ["0"], "test": ["1"]}, {})
    labelled = annotations("id,specimen\n0,s1\n1,s1\n")
    assert any(
        "splits made before stay as they were (mine)" in note
        for note in import_cells(source, project, labelling=labelled).notices
    )
    assert project.split("mine")["test"].tolist() == ["1"]
