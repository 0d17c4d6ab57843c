from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cellquery.core import InputError, ProjectError
from cellquery.data import Project, import_cells
from cellquery.data.faults import read_faults
from cellquery.data.importing import _one_import_at_a_time
from cellquery.data.labelling import Labelling
from cellquery.data.readers import Columns
from cellquery.data.shards import found_shards

Paint = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, paint: Paint) -> Path:
    for number in range(6):
        paint(tmp_path / "source" / "golgi" / f"{number}.png", number)
    return tmp_path / "source"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, paint_many: Paint) -> Path:
    """Six thousand cells in three folders of two thousand."""
    root = tmp_path_factory.mktemp("many")
    for name in ("a", "b", "c"):
        paint_many(root / name, 2000, side=32)
    return root


def test_same_import_again_changes_nothing(source: Path, project: Project) -> None:
    import_cells(source, project)
    before = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    summary = import_cells(source, Project.open(project.path))
    assert (summary.imported, summary.kept) == (0, 6)
    assert before == {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}


def test_new_cells_of_a_source_are_added(source: Path, project: Project, paint: Paint) -> None:
    import_cells(source, project)
    paint(source / "speckled" / "1.png", 99)
    summary = import_cells(source, project)
    assert (summary.imported, summary.kept) == (1, 6)
    assert project.patterns == ("speckled", "golgi")


def test_another_image_under_a_known_id_stops(source: Path, project: Project, paint: Paint) -> None:
    import_cells(source, project)
    paint(source / "golgi" / "3.png", 77)
    with pytest.raises(InputError, match=r"another image with the id 'golgi/3'; .*--prefix"):
        import_cells(source, project)
    assert len(project.store()) == 6


def test_a_source_folder_may_have_a_name_that_is_no_text(source: Path, project: Project) -> None:
    named = source.rename(source.with_name(os.fsdecode(b"s\xff")))
    assert import_cells(named, project).imported == 6
    assert import_cells(named, Project.open(project.path)).kept == 6


def test_prefix_keeps_sources_apart(source: Path, project: Project) -> None:
    import_cells(source, project)
    import_cells(source, project, labelling=Labelling(prefix="b-"))
    assert project.store().ids[5:7] == ["golgi/5", "b-golgi/0"]


def test_two_files_with_one_id_stop(source: Path, project: Project, paint: Paint) -> None:
    paint(source / "golgi" / "3.tif", 3)
    with pytest.raises(InputError, match="the id 'golgi/3' stands twice"):
        import_cells(source, project)
    assert not found_shards(project.path / "images")


def test_annotations_join_by_id_and_win_where_they_are_not_blank(
    source: Path, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "sera.csv").write_text(
        "cell,serum,strength,pattern\ngolgi/0,A,positive,NuMem\ngolgi/1,B,int,\nother,C,,\n"
    )
    columns = Columns(id="cell", specimen="serum", intensity="strength")
    summary = import_cells(
        source, project, labelling=Labelling(annotations=tmp_path / "sera.csv", columns=columns)
    )
    rows = project.manifest().select(["pattern", "specimen", "intensity"]).to_pylist()
    assert [tuple(row.values()) for row in rows[:3]] == [
        ("nuclear_membrane", "A", "positive"),
        ("golgi", "B", "intermediate"),
        ("golgi", None, None),
    ]
    assert summary.n_specimen_known == 2
    assert "1 rows of the annotations name no cell of the source" in summary.notices


def test_annotations_that_lie_beside_the_images_are_not_said_to_be_unused(
    source: Path, project: Project
) -> None:
    for name in ("facts.csv", "other.csv"):
        (source / "golgi" / name).write_text("id,specimen\n0,s1\n")
    labelling = Labelling(annotations=source / "golgi" / "facts.csv")
    summary = import_cells(source / "golgi", project, labelling=labelling)
    assert summary.layout == "folder"
    assert [note for note in summary.notices if "not used" in note] == [
        f"{source / 'golgi' / 'other.csv'} was not used; give it with --annotations"
    ]


def test_unknown_specimens_are_warned_of(source: Path, project: Project) -> None:
    (notice,) = import_cells(source, project).notices
    assert "specimen of 6 cells is not known" in notice


def test_unknown_intensity_stops(source: Path, project: Project, tmp_path: Path) -> None:
    (tmp_path / "facts.csv").write_text("id,intensity\ngolgi/0,strong\n")
    with pytest.raises(InputError, match=r"facts.csv line 2: intensity 'strong'"):
        import_cells(source, project, labelling=Labelling(annotations=tmp_path / "facts.csv"))


def test_faults_are_listed_once_and_leave_the_list_when_mended(
    source: Path, project: Project, paint: Paint
) -> None:
    (source / "golgi" / "1.png").write_bytes(b"")
    for _ in range(2):
        summary = import_cells(source, project)
        assert [fault.fault for fault in summary.faults] == ["empty file, zero bytes"]
        (listed,) = read_faults(project.path)
        assert listed.where == str(source / "golgi" / "1.png")
    paint(source / "golgi" / "1.png", 1)
    assert import_cells(source, project).imported == 1
    assert read_faults(project.path) == []


def test_each_of_two_tables_in_a_folder_keeps_its_faults(source: Path, project: Project) -> None:
    for name, first in (("a", 0), ("b", 3)):
        rows = "\n".join(f"golgi/{number}.png" for number in range(first, first + 3))
        (source / f"{name}.csv").write_text(f"path\n{rows}\n")
        (source / "golgi" / f"{first}.png").write_bytes(b"")
        import_cells(source / f"{name}.csv", project)
    listed = [fault.where for fault in read_faults(project.path)]
    assert listed == [str(source / "golgi" / f"{number}.png") for number in (0, 3)]


def test_mended_fault_of_a_table_elsewhere_leaves_the_list(
    source: Path, project: Project, tmp_path: Path, paint: Paint
) -> None:
    (tmp_path / "tables").mkdir()
    table, image = tmp_path / "tables" / "cells.csv", source / "golgi" / "1.png"
    table.write_text(f"path\n{source / 'golgi' / '0.png'}\n{image}\n")
    image.write_bytes(b"")
    import_cells(table, project)
    assert len(read_faults(project.path)) == 1
    paint(image, 1)
    import_cells(table, project)
    assert read_faults(project.path) == []


def test_fault_of_one_source_leaves_the_list_when_another_brings_the_image(
    source: Path, project: Project, paint: Paint
) -> None:
    (source / "golgi" / "1.png").write_bytes(b"")
    import_cells(source, project)
    paint(source / "golgi" / "1.png", 1)
    import_cells(source / "golgi", project, labelling=Labelling(prefix="golgi/"))
    assert read_faults(project.path) == []


def test_fault_leaves_the_list_when_its_image_is_taken_out(source: Path, project: Project) -> None:
    (source / "golgi" / "1.png").write_bytes(b"")
    import_cells(source, project)
    (source / "golgi" / "1.png").unlink()
    import_cells(source, project)
    assert read_faults(project.path) == []


def test_source_that_is_not_in_order_makes_no_project(source: Path, tmp_path: Path) -> None:
    (source / "golgi").rename(source / "mystery")
    with pytest.raises(InputError, match="pattern 'mystery' is not in the class list"):
        import_cells(source, tmp_path / "new", layout="class-folders")
    assert not (tmp_path / "new").exists()
    import_cells(source, tmp_path / "new", labelling=Labelling(("mystery",)))
    assert Project.open(tmp_path / "new").patterns == ("mystery",)


def test_source_without_any_usable_image_is_refused(
    source: Path, project: Project, paint: Paint
) -> None:
    for path in (source / "golgi").iterdir():
        path.write_text("not an image")
    with pytest.raises(InputError, match=r"none of 6 inputs .* not a PNG"):
        import_cells(source, project)
    assert len(read_faults(project.path)) == 6


def test_12_bit_content_is_recorded_and_reported(
    source: Path, project: Project, paint: Paint
) -> None:
    paint(source / "golgi" / "deep.png", highest=4095)
    summary = import_cells(source, project)
    assert summary.content_bits == {12: 1}
    assert any("need 12 bits; full scale is taken as 4095" in note for note in summary.notices)
    (row,) = (row for row in project.manifest().to_pylist() if row["cell_id"] == "golgi/deep")
    assert (row["bit_depth"], row["content_bits"]) == (16, 12)
    assert project.store().pixels("golgi/deep").max() == 4095


def test_second_import_at_the_same_time_is_refused(source: Path, project: Project) -> None:
    with (
        _one_import_at_a_time(project.path),
        pytest.raises(ProjectError, match="another import into it is running"),
    ):
        import_cells(source, project)


def test_workers_do_not_change_the_project(many: Path, tmp_path: Path) -> None:
    contents = []
    for workers in (1, 2):
        project = Project.create(tmp_path / str(workers))
        import_cells(many, project, workers=workers)
        shards = found_shards(project.path / "images")
        contents.append([shard.path.read_bytes() for shard in shards])
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


def test_memory_does_not_grow_with_the_number_of_cells(many: Path, tmp_path: Path) -> None:
    peaks = []
    for name, source in (("two", many / "a"), ("six", many)):
        project = Project.create(tmp_path / name)
        tracemalloc.start()
        import_cells(source, project)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 4,000 more cells have 4.1 MB of pixels; their names alone are kept.
    assert peaks[1] - peaks[0] < 2e6


def test_pixels_are_those_of_the_files(source: Path, project: Project) -> None:
    from cellquery.data import read_image

    import_cells(source, project)
    store = project.store()
    for number in range(6):
        file = read_image(source / "golgi" / f"{number}.png")
        np.testing.assert_array_equal(store.pixels(f"golgi/{number}"), file.pixels)
