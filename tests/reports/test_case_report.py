from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cellquery.core import ProjectError
from cellquery.reports.case_report import case_plates, case_report, write_case_files


def test_every_figure_is_there_and_says_its_numbers(case_study: Path) -> None:
    plates = case_plates(case_study)
    for judged in ("unseen", "test"):
        for name in (f"mca-by-budget-{judged}", f"gain-{judged}", f"hardest-{judged}"):
            assert name in plates
        for case in ("RS", "AL", "IN-RS", "IN-AL"):
            assert f"confusion-{judged}-{case}" in plates
            assert case in plates[f"mca-by-budget-{judged}"].alt
    assert "labels-IN-AL" in plates
    assert "time-IN-AL" in plates
    assert "at 20 %" in plates["gain-test"].alt


def test_the_page_shows_unseen_specimens_first_and_needs_no_other_file(case_study: Path) -> None:
    page = case_report(case_study, case_plates(case_study))
    assert page.index("unseen specimens") < page.index("<td>test</td>")
    assert "For Research Use Only" in page
    assert "92.77" in page
    assert 'src="http' not in page


def test_figures_and_results_are_files_as_well(case_study: Path, tmp_path: Path) -> None:
    paths = write_case_files(case_study, case_plates(case_study), tmp_path)
    assert {path.suffix for path in paths} == {".svg", ".png", ".csv"}
    assert all(path.stat().st_size > 100 for path in paths)
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32
    assert {row["case"] for row in rows} == {"RS", "AL", "IN-RS", "IN-AL"}


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="holds no study"):
        case_plates(tmp_path)
