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
from cellquery.annotation.exchange import Form, export_labels, import_labels, labels_csv
from cellquery.annotation.progress import progress
from cellquery.annotation.review import gallery, worth_a_look
from cellquery.campaign.records import keep_scores
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
    assert import_labels(annotated, RITA, content, "labels.csv") == 0, "nothing of it is new"
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
        (
            "cell_id,label\n{cell},golgi\n\n{cell},speckled\n",
            "line 4 says speckled of the cell {cell}, line 2 golgi; keep one",
        ),
        ('cell_id,label\n"a\x00b,golgi\n', "line 2 names a cell|is no csv"),
    ],
)
def test_a_csv_with_a_fault_is_refused_whole(desk: Desk, text: str, fault: str) -> None:
    cell = sorted(desk.pool)[0]
    with pytest.raises(InputError, match=fault.format(cell=cell)):
        import_labels(desk, ANA, text.format(cell=cell), "labels.csv")
    assert desk.history.since() == []


def test_labels_are_taken_in_any_spelling(desk: Desk) -> None:
    first, second, *_ = sorted(desk.pool)
    text = f"\ufeffcell_id,label\n{first},NuMem\n{second},\n"
    assert import_labels(desk, ANA, text, "labels.csv") == 1
    assert desk.readings.labels() == {first: "nuclear_membrane"}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_of_labels_may_have_another_delimiter(desk: Desk, delimiter: str) -> None:
    first, second, *_ = sorted(desk.pool)
    text = f'\ufeffcell_id,label,remark\n{first},golgi,"a, b"\n{second},speckled,\n'
    text = text.replace(",", delimiter)
    assert import_labels(desk, ANA, text, "labels.csv") == 2
    assert desk.readings.labels() == {first: "golgi", second: "speckled"}


def test_labels_of_own_classes_are_taken_in_any_spelling(desk_with: Callable[..., Desk]) -> None:
    desk = desk_with(patterns=("golgi", "speckled", "my_class"))
    first, second, *_ = sorted(desk.pool)
    text = f"cell_id,label\n{first},My Class\n{second},my-class\n"
    assert import_labels(desk, ANA, text, "labels.csv") == 2
    assert desk.readings.labels() == {first: "my_class", second: "my_class"}


def test_a_label_given_twice_in_a_csv_counts_once(desk: Desk) -> None:
    first, second, *_ = sorted(desk.pool)
    text = f"cell_id,label\n{first},golgi\n{second},golgi\n{first},Golgi\n"
    assert import_labels(desk, ANA, text, "labels.csv") == 2
    assert len(desk.history.since()) == 2


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


def test_the_suffix_chooses_the_form_of_a_file(annotated: Desk, tmp_path: Path) -> None:
    for suffix, form in ((".csv", "csv"), (".Parquet", "parquet"), (".json", "label-studio")):
        export_labels(annotated, None, tmp_path / f"chosen{suffix}")
        export_labels(annotated, form, tmp_path / f"asked{suffix}")  # type: ignore[arg-type]
        chosen, asked = (tmp_path / f"{name}{suffix}" for name in ("chosen", "asked"))
        assert chosen.read_bytes() == asked.read_bytes()
    assert pq.read_table(tmp_path / "chosen.Parquet").num_rows == 6
    assert export_labels(annotated, "csv", tmp_path / "labels.txt") == 6


@pytest.mark.parametrize(
    ("form", "name", "fault"),
    [
        (None, "labels.xlsx", "suffix '.xlsx' is not known; name it .csv or .parquet or .json"),
        (None, "labels", "suffix '' is not known; .* --form"),
        ("csv", "l3.parquet", "suffix '.parquet' is that of parquet, not of csv; name it .csv"),
        ("parquet", "l3.json", "suffix '.json' is that of label-studio, not of parquet"),
        ("folders", "l3.csv", "suffix '.csv' is that of csv, not of folders; give a folder"),
    ],
)
def test_labels_are_not_written_under_the_suffix_of_another_form(
    desk: Desk, tmp_path: Path, form: Form | None, name: str, fault: str
) -> None:
    with pytest.raises(InputError, match=fault):
        export_labels(desk, form, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_folders_hold_the_very_pixels(annotated: Desk, tmp_path: Path) -> None:
    assert export_labels(annotated, "folders", tmp_path / "out") == 5
    files = sorted((tmp_path / "out").rglob("*.png"))
    assert len(files) == 5
    assert {file.parent.name for file in files} == {"golgi", "speckled"}
    store = annotated.project.store()
    with Image.open(files[0]) as image:
        assert np.array_equal(np.asarray(image), store.pixels(files[0].stem))


def test_folders_exported_again_never_name_a_cell_twice(annotated: Desk, tmp_path: Path) -> None:
    cells, out = sorted(annotated.pool), tmp_path / "out"
    export_labels(annotated, "folders", out)
    annotated.accept(ANA, [label(cells[6])])
    assert export_labels(annotated, "folders", out) == 6, "what is new joins what is there"
    annotated.accept(ANA, [label(cells[5], "speckled")])
    with pytest.raises(InputError, match=f"golgi.{cells[5]}.png, .*; choose a new or empty"):
        export_labels(annotated, "folders", out)
    assert not (out / "speckled" / f"{cells[5]}.png").exists()
    assert export_labels(annotated, "folders", tmp_path / "new") == 6


def test_folders_of_labels_taken_back_are_refused(desk: Desk, tmp_path: Path) -> None:
    first, second, *_ = sorted(desk.pool)
    desk.accept(ANA, [label(first), label(second)])
    export_labels(desk, "folders", tmp_path / "out")
    desk.undo(ANA, "undo")
    with pytest.raises(InputError, match=f"{second}.png, which no label puts there"):
        export_labels(desk, "folders", tmp_path / "out")


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


def test_whoever_corrects_a_slip_of_the_key_agrees(desk: Desk) -> None:
    cells = sorted(desk.pool)[:2]
    desk.accept(ANA, [label(cells[0]), label(cells[1], "speckled")])
    desk.accept(BEN, [label(cells[0]), label(cells[1])])
    desk.accept(BEN, [label(cells[1], "speckled", way="grid")])
    assert agreement_report(desk.readings, desk.plan.patterns).fleiss == 1


def test_giving_way_in_review_leaves_agreement_as_it_was(annotated: Desk) -> None:
    before = agreement_report(annotated.readings, annotated.plan.patterns)
    cell = sorted(annotated.pool)[2]
    annotated.accept(ANA, [label(cell, "golgi", way="review")])
    assert annotated.readings.label(cell) == "golgi"
    assert agreement_report(annotated.readings, annotated.plan.patterns) == before


def test_what_is_said_in_review_is_no_independent_reading(desk: Desk) -> None:
    cells = sorted(desk.pool)[:4]
    desk.accept(ANA, [label(cell) for cell in cells])
    desk.accept(BEN, [label(cell, way="grid") for cell in cells[:2]])
    desk.accept(BEN, [label(cells[2], way="specimen"), label(cells[3], way="review")])
    text = "".join(f"{cell},golgi\n" for cell in cells[2:])
    import_labels(desk, RITA, f"cell_id,label\n{text}", "labels.csv")
    pairs = agreement_report(desk.readings, desk.plan.patterns).pairs
    assert [(each.first, each.second, each.n_cells) for each in pairs] == [
        ("ana", "ben", 3),
        ("ana", "rita", 2),
    ]


def test_a_reviewers_blind_reading_counts_after_they_settled_the_cell(annotated: Desk) -> None:
    cells = sorted(annotated.pool)
    annotated.accept(RITA, [label(cell, "speckled") for cell in cells[:2]])
    before = agreement_report(annotated.readings, annotated.plan.patterns)
    assert len(before.pairs) == 3
    annotated.accept(RITA, [label(cells[1], "golgi", way="review", settles=True)])
    annotated.accept(RITA, [label(cells[2], "golgi", settles=True)])
    assert agreement_report(annotated.readings, annotated.plan.patterns) == before


def test_fleiss_kappa_is_of_those_who_read_first_whoever_changed_their_mind(desk: Desk) -> None:
    cells = sorted(desk.pool)[:4]
    for who, patterns in (
        (ANA, ["golgi", "speckled"] * 2),
        (BEN, ["golgi", "speckled"] * 2),
        (RITA, ["speckled", "golgi"] * 2),
    ):
        for cell, pattern in zip(cells, patterns, strict=True):
            desk.accept(who, [label(cell, pattern)])
    assert agreement_report(desk.readings, desk.plan.patterns).fleiss == 1
    desk.accept(ANA, [label(cell, "centromere", way="review") for cell in cells])
    assert agreement_report(desk.readings, desk.plan.patterns).fleiss == 1


def test_agreement_of_one_reader_says_how_to_get_one(desk: Desk) -> None:
    assert "--overlap" in agreement_text(agreement_report(desk.readings, desk.plan.patterns))


def test_review_finds_what_is_worth_a_look(annotated: Desk) -> None:
    cells = sorted(annotated.pool)
    disputed, _ = worth_a_look(annotated, RITA, "disputed")
    assert [each.turn.cell.cell_id for each in disputed] == [cells[2]]
    mine, _ = worth_a_look(annotated, ANA, "mine")
    assert [each.turn.cell.cell_id for each in mine] == cells[5::-1]
    assert worth_a_look(annotated, RITA, "declined") == ([], "")
    errors, note = worth_a_look(annotated, RITA, "errors")
    assert errors == []
    assert "5 labels are not judged" in note
    with pytest.raises(InputError, match="there is no 'other'"):
        worth_a_look(annotated, RITA, "other")  # type: ignore[arg-type]


def said(desk: Desk, path: Path, learnt: list[str], sure: dict[str, tuple[str, float]]) -> None:
    """Keep what a network says of the pool: of some cells a pattern at a probability."""
    ids, patterns = desk.ranking.ids, desk.plan.patterns
    probabilities = np.full((len(ids), len(patterns)), 1 / len(patterns), dtype=np.float32)
    for cell, (name, probability) in sure.items():
        row = ids.index(cell)
        probabilities[row] = (1 - probability) / (len(patterns) - 1)
        probabilities[row, patterns.index(name)] = probability
    path.parent.mkdir(parents=True, exist_ok=True)
    keep_scores(path, ids, learnt, probabilities, patterns)


def test_likely_errors_come_first_by_networks_that_had_not_learnt_the_label(desk: Desk) -> None:
    cells = sorted(desk.pool)[:10]
    golgi, other, unlearnt = cells[:5], cells[5:9], cells[9]
    desk.accept(ANA, [label(cell) for cell in golgi])
    desk.accept(ANA, [label(cell, "speckled") for cell in [*other, unlearnt]])
    root = desk.ranking.root
    # The first network is right of all but two; one of these it is not confident of.
    sure = dict.fromkeys(golgi, ("golgi", 0.9)) | dict.fromkeys(other, ("speckled", 0.8))
    sure |= {golgi[0]: ("speckled", 0.95), other[0]: ("golgi", 0.5)}
    said(desk, root / "initial.parquet", [], sure)
    # The second has learnt the wrong labels and agrees with them; one cell it has not learnt.
    agrees = dict.fromkeys(golgi, ("golgi", 0.99)) | dict.fromkeys(other, ("speckled", 0.99))
    said(desk, root / "rounds/000/pool.parquet", cells[:9], agrees | {unlearnt: ("speckled", 0.9)})
    (root / "rounds/000/round.json").write_text("{}")
    errors, note = worth_a_look(desk, RITA, "errors")
    assert [each.turn.cell.cell_id for each in errors] == [golgi[0], other[0]]
    assert errors[0].reason == (
        "likely an error: initial network said Speckled at 95 %, Golgi at 1 %"
    )
    assert errors[1].reason.startswith("surprising: initial network said Golgi at 50 %")
    assert "not judged" not in note
    desk.accept(RITA, [label(golgi[0], "speckled", settles=True)])
    assert [each.turn.cell.cell_id for each in worth_a_look(desk, RITA, "errors")[0]] == [other[0]]
    assert len(desk.history.of_cell(golgi[0])) == 2


def test_a_gallery_finds_by_label_specimen_and_annotator(annotated: Desk) -> None:
    n, found = gallery(annotated, ANA, pattern="golgi")
    assert n == len(found) == 3
    assert all(each.label == "golgi" for each in found)
    assert gallery(annotated, ANA, annotator="ben")[0] == 4
    specimen = annotated.cells[sorted(annotated.pool)[0]].specimen
    n, found = gallery(annotated, ANA, specimen=specimen, n=2)
    assert len(found) == 2 < n
    assert gallery(annotated, ANA, order="certain")[0] == 0


def test_a_gallery_is_of_the_pool_alone(annotated: Desk) -> None:
    outside = next(each for each in annotated.cells if each not in annotated.pool)
    annotated.accept(RITA, [label(outside, way="import")])
    n, found = gallery(annotated, ANA, n=1000)
    assert n == len(found) == len(annotated.pool) < len(annotated.cells)
    assert {each.turn.cell.cell_id for each in found} == annotated.pool
    assert gallery(annotated, ANA, pattern="golgi")[0] == 3
    assert gallery(annotated, ANA, annotator="rita")[0] == 0


def test_a_gallery_of_the_unread_begins_with_them(annotated: Desk) -> None:
    n, found = gallery(annotated, BEN, order="unread", n=1000)
    pool = gallery(annotated, BEN, n=1000)[1]
    assert n == len(pool)
    assert sum(each.turn.mine is not None for each in pool) == 4
    assert found == sorted(pool, key=lambda each: each.turn.mine is not None)


def test_progress_counts_labels_and_times(annotated: Desk) -> None:
    at = progress(annotated)
    assert at["n_labelled"] == 5
    assert at["standings"] == {"labelled": 5, "disputed": 1}
    assert at["labels_per_pattern"]["golgi"] == 3
    people = {each["name"]: each for each in at["annotators"]}
    assert people["ana"]["seconds_per_label"] == 2.0
    assert people["ben"]["n_readings"] == 4


def test_what_was_named_in_review_or_imported_has_no_time(annotated: Desk) -> None:
    cells = sorted(annotated.pool)
    annotated.accept(ANA, [label(cells[5], "speckled", way="review")])
    annotated.accept(RITA, [label(cells[2], way="review", settles=True)])
    import_labels(annotated, BEN, f"cell_id,label\n{cells[7]},golgi\n", "labels.csv")
    people = {each["name"]: each for each in progress(annotated)["annotators"]}
    assert [people[who]["seconds_per_label"] for who in ("ana", "ben", "rita")] == [2.0, 4.0, None]
    assert [people[who]["n_readings"] for who in ("ana", "ben", "rita")] == [6, 5, 1]
    assert people["ana"]["keystrokes_per_label"] == 1
    assert people["rita"]["keystrokes_per_label"] is None
    # Whoever corrects a label in Review has taken the time of the first one all the same.
    for cell_id in cells[:6]:
        annotated.accept(ANA, [label(cell_id, "golgi", way="review")])
    ana = next(each for each in progress(annotated)["annotators"] if each["name"] == "ana")
    assert (ana["n_readings"], ana["seconds_per_label"]) == (6, 2.0)
