from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cellquery.core import ProjectError, SettingsError
from cellquery.data import Project
from cellquery.reports.case_report import write_case_report
from cellquery.reports.figures import embedding_plane
from cellquery.reports.figures.cases import gain_of_initial_learning
from cellquery.reports.planes import plane
from cellquery.reports.studies import ReportedStudy

CASES = ("RS", "AL", "IN-RS", "IN-AL")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def page(case_study: Path, case_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = ReportedStudy(case_study, case_project)
    return write_case_report([study], tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def published(case_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as committed: without weights and tables, from before processor time was kept."""
    root = tmp_path_factory.mktemp("published") / "tiny"
    left_out = shutil.ignore_patterns("*.safetensors", "*.parquet", "early", ".lock")
    shutil.copytree(case_study, root, ignore=left_out)
    for path in (*root.rglob("round.json"), *root.rglob("final.json")):
        facts = json.loads(path.read_text())
        del facts["cpu_seconds"]
        path.write_text(json.dumps(facts))
    return root


def test_every_figure_of_the_paper_has_its_files(page: Path) -> None:
    names = {path.stem for path in (page.parent / "figures").glob("*.svg")}
    assert names == {path.stem for path in (page.parent / "figures").glob("*.png")} - {
        "cells-by-round-IN-AL"
    }
    expected = {"agreement", "curves-initial", "curves-RS", "curves-IN-RS"}
    for judged in ("unseen", "test"):
        kinds = ("mca-by-budget", "aca-by-budget", "gain", "hardest", "confusion-initial")
        expected |= {f"{kind}-{judged}" for kind in kinds}
        expected |= {f"{kind}-{case}-{judged}" for kind in ("tsne", "confusion") for case in CASES}
    expected |= {f"{kind}-{case}" for kind in ("labels", "time") for case in ("AL", "IN-AL")}
    assert names == expected


def test_results_rounds_and_stopping_are_tables_too(page: Path) -> None:
    figures = page.parent / "figures"
    rows = rows_of(figures / "results.csv")
    assert len(rows) == 32
    assert {row["case"] for row in rows} == set(CASES)
    rounds = rows_of(figures / "rounds-IN-AL.csv")
    assert int(rounds[-1]["n_labels"]) == 18
    assert float(rounds[0]["cpu_seconds_training"]) > 0
    stopping = rows_of(figures / "stopping.csv")
    assert {row["case"] for row in stopping} == {"AL", "IN-AL"}
    assert {row["kappa"] for row in stopping} == {"0.9", "0.95", "0.98", "0.99"}


def test_the_page_shows_unseen_specimens_first_and_needs_no_other_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.index("IN-AL at 20 %, unseen specimens") < text.index("IN-AL at 20 %, test")
    assert "For Research Use Only" in text
    assert "Synthetic cells." in text
    assert 'src="http' not in text
    for number in ("10a", "11a, b", "11c", "11d", "12a", "13c", "14a", "15", "16", "17", "7"):
        assert f"Figure {number}." in text


def test_published_values_stand_beside_ours(page: Path) -> None:
    rows = rows_of(page.parent / "figures" / "published.csv")
    found = {(row["case"], row["budget %"], row["figure"]): row for row in rows}
    assert found["RS", "20", "MCA"]["paper, LSHEp-2 %"] == "66.59"
    assert found["IN-AL", "20", "ACA"]["paper, LSHEp-2 %"] == "92.77"
    assert found["IN-AL", "10", "ACA"]["paper, LSHEp-2 %"] == "90.23"
    assert "±" in found["IN-AL", "20", "ACA"]["here: unseen specimens %"]


def test_most_and_least_certain_cells_of_each_round_are_shown(page: Path) -> None:
    rows = rows_of(page.parent / "figures" / "cells-by-round-IN-AL.csv")
    margins = {
        which: [
            float(row["margin"]) for row in rows if (row["round"], row["which"]) == ("0", which)
        ]
        for which in ("least certain", "most certain")
    }
    assert len(margins["least certain"]) == len(margins["most certain"]) == 6
    assert max(margins["least certain"]) <= min(margins["most certain"])
    with Image.open(page.parent / "figures" / "cells-by-round-IN-AL.png") as sheet:
        assert sheet.width > 12 * 112
    text = page.read_text(encoding="utf-8")
    assert text.count('<p class="soft">Least certain</p>') == 3


def test_a_plane_is_computed_once_and_anew_for_other_embeddings(
    case_study: Path, tmp_path: Path
) -> None:
    source = case_study / "AL" / "seed-0" / "budget-020.0" / "final"
    final = Path(shutil.copytree(source, tmp_path / "final"))
    kept = tmp_path / "tsne.csv"
    first = plane(final, "test", kept)
    assert first is not None
    assert first.positions.shape == (40, 2)
    written = kept.stat().st_mtime_ns
    again = plane(final, "test", kept)
    assert again is not None
    assert kept.stat().st_mtime_ns == written
    # A kept plane also serves where the embeddings were left out.
    embeddings = pq.read_table(final / "embeddings-test.parquet")
    (final / "embeddings-test.parquet").unlink()
    alone = plane(final, "test", kept)
    assert alone is not None
    np.testing.assert_array_equal(alone.positions, first.positions)
    # But not another campaign, whose embeddings were left out.
    assert plane(source.parents[2] / "seed-1" / "budget-020.0" / "final", "none", kept) is None
    other = shutil.copytree(source.parents[1] / "budget-010.0" / "final", tmp_path / "other")
    (Path(other) / "embeddings-test.parquet").unlink()
    assert plane(Path(other), "test", kept) is None
    pq.write_table(embeddings.slice(0, 30), final / "embeddings-test.parquet")
    fewer = plane(final, "test", kept)
    assert fewer is not None
    assert fewer.positions.shape == (30, 2)


def test_two_published_studies_stand_side_by_side_and_say_what_is_missing(
    published: Path, tmp_path: Path
) -> None:
    studies = []
    for name, preset, case in (("paper", "paper", "RS"), ("tiny", "best", "AL")):
        root = tmp_path / name
        shutil.copytree(published, root)
        facts = json.loads((root / "study.json").read_text())
        facts |= {"name": name, "preset": preset, "cases": [case], "budgets": [0.2]}
        (root / "study.json").write_text(json.dumps(facts))
        studies.append(ReportedStudy(root))
    final = tmp_path / "tiny" / "AL" / "seed-1" / "budget-020.0" / "final" / "final.json"
    facts = json.loads(final.read_text())
    facts["judged"]["test"]["recall"]["golgi"] = None
    final.write_text(json.dumps(facts))
    text = write_case_report(studies, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No golgi in test of 1 seed (1): MCA there is the mean of the other patterns" in text
    assert "<h3>Paper mode (paper)</h3>" in text
    assert "<h3>Best mode (tiny)</h3>" in text
    assert "No embeddings to draw: RS, unseen specimens, 20 %" in text
    assert "predictions for the pool were not published" in text
    assert "No campaign of this study has rounds to compare" in text
    head = rows_of(tmp_path / "figures" / "published.csv")[0]
    assert {"Paper mode: test %", "Best mode: test %"} <= set(head)
    for name in ("paper", "tiny"):
        assert (tmp_path / "figures" / name / "mca-by-budget-test.svg").exists()
    rounds = (tmp_path / "figures" / "tiny" / "rounds-AL.csv").read_text()
    assert "seconds_training" in rounds
    assert "cpu_seconds_training" not in rounds


def test_two_studies_of_one_name_are_refused(case_study: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="two studies are called tiny"):
        write_case_report([ReportedStudy(case_study)] * 2, tmp_path / "report.html")


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    facts = {"name": "x", "preset": "best", "cases": [], "budgets": [], "seeds": []}
    (tmp_path / "study.json").write_text(json.dumps(facts))
    with pytest.raises(ProjectError, match="holds no finished campaign"):
        write_case_report([ReportedStudy(tmp_path)], tmp_path / "report.html")


def test_studies_and_trainings_are_not_mixed(
    cli: Callable[..., object], published: Path, tmp_path: Path
) -> None:
    done = cli("report", published, tmp_path)
    assert done.returncode == 1  # type: ignore[attr-defined]
    assert "is no study of cases" in done.stderr  # type: ignore[attr-defined]


def test_gains_are_differences_of_the_same_seed() -> None:
    curves = {"RS": {0.2: {0: 0.5, 1: 0.7}}, "IN-RS": {0.2: {1: 0.8, 2: 0.9}}}
    assert "random: +10.0 at 20 %" in gain_of_initial_learning(curves, "MCA").alt


def test_the_plane_says_how_many_cells_lie_beside_their_own_kind() -> None:
    positions = np.array([[0, 0], [0, 1], [9, 9], [9, 8.0]])
    true = ["golgi", "golgi", "speckled", "golgi"]
    plate = embedding_plane(positions, true, ["golgi"] * 4)
    assert "50.0 % lie nearest to a cell of their own pattern" in plate.alt
    assert "Speckled 0.0" in plate.alt
