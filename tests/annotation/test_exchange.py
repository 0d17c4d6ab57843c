"""Labels out and in again, review, agreement."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cellquery.annotation import Desk
from cellquery.annotation.agreement import agreement_report, agreement_text
from cellquery.annotation.exchange import export_labels, import_labels, labels_csv
from cellquery.annotation.progress import progress
from cellquery.annotation.review import gallery, worth_a_look
from cellquery.core import InputError

from .conftest import ANA, BEN, RITA, label


@pytest.fixture
def annotated(desk: Desk) -> Desk:
    cells = sorted(desk.pool)[:8]
    for i, cell in enumerate(cells[:6]):
        desk.accept(ANA, [label(cell, "golgi" if i % 2 else "speckled", seconds=2.0, keystrokes=1)])
        if i < 4:
            desk.accept(BEN, [label(cell, "golgi" if i % 2 or i == 2 else "speckled", seconds=4.0)])
    return desk


def test_a_csv_says_who_said_what_and_goes_in_again(annotated: Desk) -> None:
    content = labels_csv(annotated).decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == 6
    assert rows[0]["label"] == "speckled"
    assert rows[0]["annotators"] == "ana|ben"
    assert rows[2]["label"] == ""
    assert rows[2]["standing"] == "disputed"
    assert import_labels(annotated, RITA, content, "labels.csv") == 5
    assert import_labels(annotated, RITA, content, "labels.csv") == 5
    ritas = [each for each in annotated.history.since() if each.annotator == "rita"]
    assert len(ritas) == 5
    assert {each.way for each in ritas} == {"import"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no columns cell_id and label"),
        ("id,label\n1,golgi\n", "no columns"),
        ("cell_id,label\nnowhere,golgi\n", "line 2 names a cell that is not there"),
        ("cell_id,label\n{cell},mystery\n", "line 2 has a label outside the class list"),
        ('cell_id,label\n"a\x00b,golgi\n', "line 2 names a cell|is no csv"),
    ],
)
def test_a_csv_with_a_fault_is_refused_whole(desk: Desk, text: str, fault: str) -> None:
    cell = sorted(desk.pool)[0]
    with pytest.raises(InputError, match=fault):
        import_labels(desk, ANA, text.format(cell=cell), "labels.csv")
    assert desk.history.since() == []


def test_labels_are_taken_in_any_spelling(desk: Desk) -> None:
    first, second, *_ = sorted(desk.pool)
    text = f"\ufeffcell_id,label\n{first},NuMem\n{second},\n"
    assert import_labels(desk, ANA, text, "labels.csv") == 1
    assert desk.readings.labels() == {first: "nuclear_membrane"}


def test_parquet_and_label_studio_hold_the_same_labels(annotated: Desk, tmp_path: Path) -> None:
    assert export_labels(annotated, "parquet", tmp_path / "labels.parquet") == 6
    table = pq.read_table(tmp_path / "labels.parquet")
    assert table["label"].to_pylist()[:3] == ["speckled", "golgi", None]
    assert b"For Research Use Only" in table.schema.metadata[b"notice"]
    export_labels(annotated, "label-studio", tmp_path / "labels.json")
    tasks = json.loads((tmp_path / "labels.json").read_text())
    assert len(tasks) == 6
    choices = [a["result"][0]["value"]["choices"] for a in tasks[2]["annotations"]]
    assert choices == [["speckled"], ["golgi"]]
    with pytest.raises(InputError, match="there is no 'xml'"):
        export_labels(annotated, "xml", tmp_path / "x")  # type: ignore[arg-type]


def test_folders_hold_the_very_pixels(annotated: Desk, tmp_path: Path) -> None:
    assert export_labels(annotated, "folders", tmp_path / "out") == 5
    files = sorted((tmp_path / "out").rglob("*.png"))
    assert len(files) == 5
    assert {file.parent.name for file in files} == {"golgi", "speckled"}
    store = annotated.project.store()
    with Image.open(files[0]) as image:
        assert np.array_equal(np.asarray(image), store.pixels(files[0].stem))


def test_a_name_that_a_spreadsheet_takes_for_a_formula_is_guarded(
    paint: Callable[..., Path], tmp_path: Path
) -> None:
    from cellquery.annotation.exchange import _file_name, harmless

    assert harmless("=cmd") == "'=cmd"
    assert harmless("golgi") == "golgi"
    assert "/" not in _file_name("../../etc/passwd")
    assert _file_name("a/b") != _file_name("a_b")


def test_kappas_are_those_of_the_readings(annotated: Desk) -> None:
    report = agreement_report(annotated.readings, annotated.plan.patterns)
    (pair,) = report.pairs
    assert (pair.first, pair.second, pair.n_cells) == ("ana", "ben", 4)
    # ana: s g s g, ben: s g g g: three of four agree, half would by chance.
    assert pair.kappa == pytest.approx((0.75 - 0.5) / 0.5)
    assert pair.low <= pair.kappa <= pair.high
    text = agreement_text(report)
    assert "4 cells, Cohen's kappa 0.500" in text
    assert "what ana calls speckled, ben calls: 1 golgi" in text


def test_agreement_of_one_reader_says_how_to_get_one(desk: Desk) -> None:
    assert "--overlap" in agreement_text(agreement_report(desk.readings, desk.plan.patterns))


def test_review_finds_what_is_worth_a_look(annotated: Desk) -> None:
    cells = sorted(annotated.pool)
    disputed = worth_a_look(annotated, RITA, "disputed")
    assert [each.turn.cell.cell_id for each in disputed] == [cells[2]]
    mine = worth_a_look(annotated, ANA, "mine")
    assert [each.turn.cell.cell_id for each in mine] == cells[5::-1]
    assert worth_a_look(annotated, RITA, "declined") == []
    assert worth_a_look(annotated, RITA, "surprising") == []
    with pytest.raises(InputError, match="there is no 'other'"):
        worth_a_look(annotated, RITA, "other")  # type: ignore[arg-type]


def test_a_gallery_finds_by_label_specimen_and_annotator(annotated: Desk) -> None:
    n, found = gallery(annotated, ANA, pattern="golgi")
    assert n == len(found) == 3
    assert all(each.label == "golgi" for each in found)
    assert gallery(annotated, ANA, annotator="ben")[0] == 4
    specimen = annotated.cells[sorted(annotated.pool)[0]].specimen
    n, found = gallery(annotated, ANA, specimen=specimen, n=2)
    assert len(found) == 2 < n
    assert gallery(annotated, ANA, order="certain")[0] == 0


def test_progress_counts_labels_and_times(annotated: Desk) -> None:
    at = progress(annotated)
    assert at["n_labelled"] == 5
    assert at["standings"] == {"labelled": 5, "disputed": 1}
    assert at["labels_per_pattern"]["golgi"] == 3
    people = {each["name"]: each for each in at["annotators"]}
    assert people["ana"]["seconds_per_label"] == 2.0
    assert people["ben"]["n_readings"] == 4
