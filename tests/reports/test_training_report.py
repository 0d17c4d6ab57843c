from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data import Project
from cellquery.data.synthetic import into_folder, synthetic_settings
from cellquery.reports.runs import read_run
from cellquery.reports.training_report import ReportedRun, training_report, write_plots

VOID = {"meta", "link", "img", "br", "hr"}


class _Checked(HTMLParser):
    """Fails on tags left open; collects pictures, ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.ids: list[str | None] = []
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.pictures.append(values)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _checked(page: str) -> _Checked:
    checked = _Checked()
    checked.feed(page)
    assert not checked.open
    return checked


@pytest.fixture(scope="module")
def page(made: Path) -> str:
    return training_report([ReportedRun(read_run(made / "models" / "first"), Project.open(made))])


def test_the_page_has_every_section(page: str) -> None:
    for words in (
        "Headline figures",
        "Training first",
        "Unseen specimens: evaluation “unseen”",
        "Known specimens: evaluation “known”",
        "Recall of each pattern",
        "Wrong and most certain of it",
        ">Right<",
        "Settings",
        "inputs.wavelet",
        "Provenance",
        "Synthetic cells.",
    ):
        assert words in page, words
    assert page.count(RESEARCH_USE_ONLY) >= 2


def test_unseen_specimens_come_before_known_ones(page: str) -> None:
    assert page.index("Unseen specimens: mean class") < page.index("Known specimens: mean class")
    assert page.index("evaluation “unseen”") < page.index("evaluation “known”")


def test_the_page_is_sound_html_and_stands_alone(page: str) -> None:
    checked = _checked(page)
    assert len(checked.ids) == len(set(checked.ids))
    assert set(checked.links) <= {f"#{name}" for name in checked.ids}
    assert len(checked.pictures) > 20
    for picture in checked.pictures:
        assert picture["src"].startswith("data:image/")
        assert picture["alt"]
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_the_headline_is_the_evaluations_own(made: Path, page: str) -> None:
    values = json.loads((made / "models" / "first" / "evaluation-unseen.json").read_text())
    assert f"<strong>{100 * values['mca']:.1f} %</strong>" in page


def test_figures_hold_the_numbers_of_the_evaluation(made: Path, page: str) -> None:
    drawn = " ".join(
        base64.b64decode(data).decode()
        for data in re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)
    )
    record = (made / "models" / "first" / "evaluation-unseen.json").read_text()
    confusion = json.loads(record)["confusion"]
    n_right = sum(row[i] for i, row in enumerate(confusion))
    share = 100 * n_right / sum(map(sum, confusion))
    assert f"accuracy {share:.1f} % of {sum(map(sum, confusion))} cells" in drawn


def test_hostile_names_are_escaped(run: Path, project: Project) -> None:
    hostile = "<script>alert(1)</script>"
    (run / "evaluation-unseen.json").unlink()
    (run / "predictions-unseen.parquet").unlink()
    path = run / "evaluation-known.json"
    path.write_text(path.read_text().replace('"golgi"', json.dumps(hostile)))
    path = run / "predictions-known.parquet"
    table = pq.read_table(path)
    columns = {
        name: [hostile if value == "golgi" else value for value in table[name].to_pylist()]
        for name in table.column_names
    }
    columns["specimen"][0] = '"><img src=x onerror=alert(1)>'
    renamed = {
        (f"p_{hostile}" if key == "p_golgi" else key): column for key, column in columns.items()
    }
    pq.write_table(pa.table(renamed), path)
    run = run.rename(run.with_name("first & <b>last"))
    page = training_report([ReportedRun(read_run(run), project)])
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert "<b>" not in page
    _checked(page)


def test_without_a_project_the_page_says_how_to_see_cells(run: Path) -> None:
    (run / "evaluation-known.json").unlink()
    (run / "predictions-known.parquet").unlink()
    page = training_report([ReportedRun(read_run(run))])
    assert "Give the project with <code>--project</code>" in page
    assert "Specimens not compared" in page
    assert "Unseen specimens:" not in page


def test_no_cell_is_shown_for_an_evaluation_of_another_project(run: Path, project: Project) -> None:
    for name, judged_on in (("known", "elsewhere"), ("unseen", project.path.name)):
        path = run / f"evaluation-{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"project": judged_on}))
    page = training_report([ReportedRun(read_run(run), project)])
    unseen, known = page[page.index("<h3>Unseen") : page.index('id="settings"')].split("<h3>")[1:]
    assert "evaluation “known”" in known
    assert "these are the cells of another project, “elsewhere”" in known
    assert "Wrong cells, the most certain first" not in known
    assert "Wrong cells, the most certain first" in unseen
    _checked(page)


def test_a_run_without_evaluations_says_what_to_do(bare: Path) -> None:
    page = training_report([ReportedRun(read_run(bare))])
    assert "Not evaluated yet" in page


def test_several_runs_are_compared(run: Path, project: Project) -> None:
    (run / "evaluation-known.json").unlink()
    (run / "predictions-known.parquet").unlink()
    reported = [ReportedRun(read_run(run), project, title) for title in ("One", "Two")]
    page = training_report(reported)
    assert page.count(">One</a>") == page.count(">Two</a>") == 1
    assert "Comparison of evaluations" in page
    _checked(page)


def test_stopping_on_the_test_cells_is_denounced(bare: Path) -> None:
    path = bare / "settings.json"
    path.write_text(path.read_text().replace('"labelled"', '"test"'))
    page = training_report([ReportedRun(read_run(bare))])
    assert "was stopped on its test cells" in page


def test_predictions_without_labels_are_shown_with_their_images(
    bare: Path, project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    into_folder(6, synthetic_settings(n_specimens=6, seed=9), folder)
    table = pa.table(
        {
            "cell_id": [f"S00{i}-00001" for i in range(1, 7)],
            "predicted": ["golgi"] * 6,
            "probability": [0.9, 0.4, 0.8, 0.7, 0.6, 0.5],
            "p_golgi": [0.9, 0.4, 0.8, 0.7, 0.6, 0.5],
        }
    )
    pq.write_table(table, bare / "predictions-new.parquet")
    page = training_report([ReportedRun(read_run(bare), project, images=folder)])
    assert "Predictions “new”, 6 cells without labels" in page
    least = page[page.index("Least certain") :]
    assert least.index("Golgi 0.40") < least.index("Golgi 0.50") < least.index("Golgi 0.90")
    assert least.split("</ul>")[0].count("<img") == 6


def test_images_of_another_set_are_not_shown_for_a_predictions_ids(
    bare: Path, project: Project
) -> None:
    known = project.store().ids[0]
    table = pa.table(
        {"cell_id": [known, "elsewhere"], "predicted": ["golgi"] * 2, "probability": [0.9, 0.8],
         "p_golgi": [0.9, 0.8]}
    )  # fmt: skip
    pq.write_table(table, bare / "predictions-new.parquet")
    page = training_report([ReportedRun(read_run(bare), project)])
    assert "2 cells without labels" in page
    assert "Least certain" not in page


def test_plots_are_written_beside_the_evaluation(run: Path) -> None:
    written = write_plots(run, "known")
    assert [path.name for path in written] == [
        "curves.png",
        "confusion-known.png",
        "reliability-known.png",
        "recall-known.png",
    ]
    assert all(path.parent == run and path.stat().st_size > 10_000 for path in written)
