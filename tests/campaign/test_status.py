from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cellquery.campaign.records import read_json
from cellquery.campaign.status import status_text
from cellquery.core.durable import make_folder, write_json

CAMPAIGN = {"settings": {"strategy": "margin"}, "budget": 20, "pool": {"cells": 100}}


def finished(root: Path, judged: dict[str, Any]) -> list[str]:
    """Return the status of a campaign of one round."""
    write_json(root / "campaign.json", CAMPAIGN)
    both = {"n_labels": 20, "estimate": None, "judged": judged, "seconds": {"training": 2.0}}
    make_folder(root / "rounds" / "000")
    write_json(
        root / "rounds" / "000" / "round.json", {"round": 0, "kappa": None, "notes": [], **both}
    )
    make_folder(root / "final")
    write_json(root / "final" / "final.json", {"ended": "the budget is spent", **both})
    return status_text(root).splitlines()


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        ({}, ""),
        ({"test": {"mca": 0.8}}, "80.00"),
        ({"test": {"mca": 0.8}, "unseen": {"mca": 0.7}}, "test 80.00, unseen 70.00"),
    ],
)
def test_judged_parts_are_named_where_there_are_several(
    tmp_path: Path, judged: dict[str, Any], said: str
) -> None:
    _, _, head, first, last, *_ = finished(tmp_path, judged)
    assert all(line.removesuffix("      2.0").endswith(f"  {said}") for line in (first, last))
    assert len({len(line) for line in (head, first, last)}) == 1


def test_a_note_that_holds_no_more_names_its_round(tmp_path: Path) -> None:
    finished(tmp_path, {})
    path = tmp_path / "rounds" / "000" / "round.json"
    first = {**read_json(path), "notes": ["no labelled cell yet: golgi", "cached in part"]}
    write_json(path, first)
    make_folder(tmp_path / "rounds" / "001")
    second = {**first, "round": 1, "notes": ["cached in part"]}
    write_json(tmp_path / "rounds" / "001" / "round.json", second)
    notes = [line for line in status_text(tmp_path).splitlines() if line.startswith("Note")]
    assert notes == ["Note: no labelled cell yet: golgi (until round 0).", "Note: cached in part."]


def test_a_campaign_that_has_not_begun_says_so(tmp_path: Path) -> None:
    write_json(tmp_path / "campaign.json", CAMPAIGN)
    assert "Not ended: 0 rounds done." in status_text(tmp_path)
