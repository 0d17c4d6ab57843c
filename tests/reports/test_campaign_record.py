"""The record of a campaign tells what was asked, answered and learnt, and needs no other file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cellquery.annotation import Desk, Plan, open_database
from cellquery.annotation.agreement import agreement_report
from cellquery.annotation.outcome import of_desk, outcome
from cellquery.campaign.records import read_json
from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data import Project
from cellquery.experiments.cases_table import campaign_folder
from cellquery.reports.campaign_record import NONE, _Campaign, campaign_record
from cellquery.storage import Account, Accounts, NewAnnotation


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def rows_of(page: str, caption: str) -> list[list[str]]:
    table = next(
        each for each in re.findall(r"<table.*?</table>", page, re.DOTALL) if caption in each
    )
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [
        [text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


@pytest.fixture(scope="module")
def page(annotated_project: Path) -> str:
    return campaign_record(outcome(annotated_project))


def test_it_stands_alone_and_carries_the_wording(page: str) -> None:
    assert page.count(RESEARCH_USE_ONLY) >= 2
    assert "Synthetic cells." in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page


def test_labels_are_told_by_pattern_specimen_annotator_and_round(
    page: str, annotated_project: Path
) -> None:
    of = outcome(annotated_project)
    by_pattern = rows_of(page, "Labels of each pattern")[1:]
    assert sum(int(row[2]) for row in by_pattern) == len(of.labels) == 24
    assert by_pattern[0][:2] == ["Homogeneous", "AC-1"]
    assert sum(int(row[4]) for row in by_pattern) == len(of.ids) - 24
    by_specimen = rows_of(page, "Labels of each specimen")[1:]
    assert sum(int(row[1]) for row in by_specimen) == len(of.ids)
    assert sum(int(row[2]) for row in by_specimen) == 24
    head, *people = rows_of(page, "Who read what")
    ana = dict(zip(head, next(row for row in people if row[0] == "ana"), strict=True))
    assert (ana["Readings"], ana["Named"], ana["Declined"]) == ("25", "24", "1")
    assert ana["Taken back"] == "1"
    head, *rounds = rows_of(page, "Round by round")
    assert [row[0] for row in rounds] == ["0", "1", "2", "3", "final"]
    assert rounds[-1][head.index("Labels so far")] == "24"


def test_agreement_estimate_and_what_the_stopping_rule_said_are_there(
    page: str, annotated_project: Path
) -> None:
    desk = Desk.open(Project.open(annotated_project))
    report = agreement_report(desk.readings, desk.plan.patterns)
    final = read_json(annotated_project / "annotation" / "campaign" / "final" / "final.json")
    text = text_of(page)
    assert f"Fleiss' kappa {report.fleiss:.3f}" in text.replace("&#39;", "'")
    assert "ana and ben" in text
    assert "Ended: the budget is spent." in text
    assert f"{100 * final['estimate']['accuracy']:.1f} %" in text
    assert "margin (random_share 0.3)" in text
    for alt in ("Learning curve in per cent", "Labels of each pattern after each round", "Seconds"):
        assert f'alt="{alt}' in page
    kept = read_json(annotated_project / "annotation" / "campaign" / "campaign.json")
    assert kept["pool"]["digest"] in text
    assert str(annotated_project) not in page


def test_the_history_is_told_by_its_digest(
    page: str, annotated_project: Path, tmp_path: Path
) -> None:
    def digest(where: Path) -> object:
        return _Campaign(outcome(where)).provenance()["digest of the history"]

    copied = tmp_path / "cells"
    shutil.copytree(annotated_project, copied)
    before = digest(copied)
    assert before == digest(annotated_project)
    assert str(before) in page
    desk = Desk.open(Project.open(copied))
    desk.undo(Account("ana", "annotator"), "later")
    desk.database.close()
    assert digest(copied) != before


def test_what_was_said_in_review_has_no_time(annotated_project: Path, tmp_path: Path) -> None:
    copied = tmp_path / "cells"
    shutil.copytree(annotated_project, copied)
    desk = Desk.open(Project.open(copied))
    cell, rolf = desk.readings.read()[0], Accounts(desk.database).add("rolf", "reviewer")
    settled = NewAnnotation("1", cell, "rolf", "label", "golgi", way="review", settles=True)
    desk.accept(rolf, [settled])
    desk.database.close()
    head, *people = rows_of(campaign_record(outcome(copied)), "Who read what")
    rolfs = dict(zip(head, next(row for row in people if row[0] == "rolf"), strict=True))
    assert (rolfs["Settled"], rolfs["Seconds, median"], rolfs["Keystrokes"]) == ("1", NONE, NONE)


def test_before_the_first_round_it_says_so(synthetic_project: Path, tmp_path: Path) -> None:
    path = tmp_path / "cells"
    project = Project.open(shutil.copytree(synthetic_project, path))
    plan = Plan.of(project, split="random", pool=("train",), campaign={"budget": 20, "first": 5})
    database = open_database(project)
    page = text_of(campaign_record(of_desk(Desk(project, plan, database))))
    database.close()
    assert "No round is done yet." in page
    assert "of a budget of 20; 72 in the pool" in page


def test_of_a_simulated_campaign_it_tells_what_was_judged(case_study: Path) -> None:
    folder = campaign_folder(case_study, "IN-AL", 0, 0.2)
    page = campaign_record(outcome(folder))
    text = text_of(page)
    assert "known labels" in text
    assert "Nobody annotated" in text
    assert "Mean class accuracy on “test”" in text
    assert "MCA on test" in page
