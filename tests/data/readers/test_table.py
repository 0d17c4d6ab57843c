from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellquery.core import InputError
from cellquery.data import Project, import_cells
from cellquery.data.readers import Columns, ReaderOptions, detect_layout, open_source

Paint = Callable[..., Path]

HEADER = "path,pattern,specimen,intensity"
FACTS = [("a", "Golgi", "s1", "Positive"), ("b", None, None, None)]


@pytest.fixture
def images(tmp_path: Path, paint: Paint) -> Path:
    for seed, name in enumerate(("a", "b")):
        paint(tmp_path / "images" / f"{name}.png", seed)
    return tmp_path


def found(source: Path, **columns: str) -> list[tuple[str | None, ...]]:
    opened = open_source(source, options=ReaderOptions(Columns(**columns)))
    return [(c.cell_id, c.pattern, c.specimen, c.intensity) for c in opened]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_any_delimiter_is_read(images: Path, delimiter: str) -> None:
    rows = [HEADER, "images/a.png,Golgi,s1,Positive", "images/b.png,,n/a,"]
    (images / "cells.csv").write_text("\n".join(rows).replace(",", delimiter))
    assert detect_layout(images / "cells.csv") == "table"
    expected = [(f"images/{name}", *facts) for name, *facts in FACTS]
    assert found(images / "cells.csv") == expected


def test_parquet_is_read_with_numbers_as_text(images: Path) -> None:
    table = pa.table(
        {
            "path": ["images/a.png", "images/b.png"],
            "cell_id": [7, 8],
            "specimen": [3.0, float("nan")],
        }
    )
    pq.write_table(table, images / "cells.parquet")
    assert found(images / "cells.parquet") == [("7", None, "3", None), ("8", None, None, None)]


def test_column_names_of_ones_own_are_followed(images: Path) -> None:
    (images / "cells.csv").write_text("Datei,Muster,Serum\nimages/a.png,Golgi,4\n")
    assert found(images / "cells.csv", path="datei", pattern="Muster") == [
        ("images/a", "Golgi", "4", None)
    ]


@pytest.mark.parametrize(
    "rows",
    [
        ["path,pattern,specimen,intensity,mask", "train/a.png,Golgi,s1,Positive,masks/a.png"],
        ["path,pattern,specimen", "train/a.png,Golgi,s1"],
        ["id;path;pattern;specimen;mask", "7;train/a.png;Golgi;s1;masks/a.png"],
        ["id;file;pattern", "7;train/a.png;Golgi"],
    ],
)
def test_a_table_that_says_where_images_lie_is_no_published_layout(
    tmp_path: Path, paint: Paint, rows: list[str]
) -> None:
    for seed, name in enumerate(("train/a", "test/b", "masks/a")):
        paint(tmp_path / f"{name}.png", seed)
    (tmp_path / "cells.csv").write_text("\n".join(rows) + "\n")
    assert detect_layout(tmp_path) == "table"
    (cell,) = open_source(tmp_path)
    assert (Path(cell.path).name, cell.pattern) == ("a.png", "Golgi")
    assert (cell.mask_path is not None) == ("mask" in rows[0])


def test_folder_with_one_table_of_paths_stands_for_it(images: Path) -> None:
    (images / "cells.csv").write_text(f"{HEADER}\nimages/b.png,golgi,,\n")
    (images / "other.csv").write_text("x,y\n1,2\n")
    assert detect_layout(images) == "table"
    assert found(images) == [("images/b", "golgi", None, None)]


def test_folder_with_one_parquet_table_of_paths_stands_for_it(images: Path) -> None:
    pq.write_table(pa.table({"path": ["images/b.png"], "label": ["golgi"]}), images / "c.parquet")
    assert detect_layout(images) == "table"
    assert found(images) == [("images/b", "golgi", None, None)]


@pytest.mark.parametrize("place", [".", "images"])
def test_table_that_no_layout_uses_is_said(images: Path, place: str) -> None:
    table = images / place / "labels.csv"
    table.write_text("id,pattern\na,golgi\n")
    opened = open_source(images)
    assert opened.layout == "folder"
    assert opened.notices == (f"{table} was not used; give it with --annotations",)


def test_columns_of_a_table_without_patterns_are_not_passed_over_in_silence(images: Path) -> None:
    table = images / "lab.csv"
    table.write_text(" path ;Staining pattern ;Serum No.\nimages/a.png;Golgi;4\n")
    (notice,) = open_source(table).notices
    assert notice == (
        f"{table} gives no pattern: not used are its columns 'Staining pattern', 'Serum No.'; "
        "if one of them holds patterns, name it with --pattern-column"
    )
    named = ReaderOptions(Columns(pattern="Staining pattern"))
    assert open_source(table, options=named).notices == ()
    assert [cell.pattern for cell in open_source(table, options=named)] == ["Golgi"]
    assert import_cells(table, images / "project").notices == [notice]


def test_a_table_is_not_asked_for_patterns_that_nobody_wants_or_it_cannot_hold(
    images: Path,
) -> None:
    table = images / "lab.csv"
    table.write_text("path;Muster;\nimages/a.png;Golgi;\n")
    unlabelled = ReaderOptions(labelled=False)
    elsewhere = ReaderOptions(annotations=images / "sera.csv")
    for options in (unlabelled, elsewhere):
        assert open_source(table, options=options).notices == ()
    table.write_text("id;path;\n1;images/a.png;\n")
    assert open_source(table).notices == ()
    many = [f"Area {number}" for number in range(40)]
    table.write_text(",".join(["path", *many]) + "\nimages/a.png" + ",1" * 40 + "\n")
    (notice,) = open_source(table).notices
    assert "'Area 7' and 32 more; if one" in notice


@pytest.mark.parametrize("name", ["gt_training.csv", "cells.parquet"])
def test_unreadable_table_beside_images_stops(images: Path, name: str) -> None:
    (images / name).write_bytes("Image ID,Image class,Bemerkung\n1,golgi,schön\n".encode("latin-1"))
    with pytest.raises(InputError, match=f"{name}: not a readable table; save it as csv in UTF-8"):
        open_source(images)
    assert len(list(open_source(images, "folder"))) == 2
    unlabelled = ReaderOptions(labelled=False)
    assert len(list(open_source(images, options=unlabelled))) == 2


def test_hidden_files_of_other_systems_are_no_tables(images: Path) -> None:
    (images / "._labels.csv").write_bytes(b"\x00\x05\x16\x07\xff")
    assert open_source(images).notices == ()


def test_parts_become_the_sources_split(images: Path) -> None:
    (images / "cells.csv").write_text("path,split\nimages/a.png,tra\nimages/b.png,test\n")
    project = Project.create(images / "project")
    import_cells(images / "cells.csv", project)
    assert {part: list(ids) for part, ids in project.split("source").items()} == {
        "train": ["images/a"],
        "test": ["images/b"],
    }


def test_masks_are_named_by_their_column(images: Path) -> None:
    (images / "cells.csv").write_text("path,mask\nimages/a.png,images/b.png\n")
    project = Project.create(images / "project")
    import_cells(images / "cells.csv", project)
    assert project.store().mask("images/a") is not None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty table"),
        ("pattern\ngolgi\n", "no column 'path'.*--path-column: pattern"),
        (f"{HEADER}\n,golgi,,\n", "cells.csv line 2: no 'path'"),
    ],
)
def test_table_that_cannot_be_used_is_refused(images: Path, text: str, fault: str) -> None:
    (images / "cells.csv").write_text(text)
    with pytest.raises(InputError, match=fault):
        list(open_source(images / "cells.csv"))


def test_unknown_column_is_refused_with_those_there_are(images: Path) -> None:
    (images / "cells.csv").write_text(f"{HEADER}\nimages/a.png,,,\n")
    with pytest.raises(InputError, match=r"no column 'serum'.*--specimen-column: path, pattern"):
        found(images / "cells.csv", specimen="serum")


@pytest.mark.parametrize("name", ["cells.csv", "cells.parquet"])
def test_file_that_is_no_table_is_refused(images: Path, name: str) -> None:
    (images / name).write_bytes(b"\xff\xfe\x00\x80 nothing")
    with pytest.raises(InputError, match="not a readable table"):
        list(open_source(images / name))
