from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellquery.campaign import CampaignSettings
from cellquery.campaign.settings import read_campaign_settings
from cellquery.core import SettingsError
from cellquery.data.prepare import PreparedCells
from cellquery.training import LabelledCells, hold_out


@pytest.mark.parametrize(
    "values",
    [
        {"preset": "paper-leak"},
        {"train": {"validation": "test"}},
        {"final": {"validation": "test"}},
    ],
)
def test_stopping_on_the_test_cells_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="validation = 'test'"):
        CampaignSettings.read(values, "campaign.toml")


@pytest.mark.parametrize("key", ["budget", "first", "per_round"])
@pytest.mark.parametrize("value", [1.5, 200.7, float("inf")])
def test_a_number_of_cells_is_whole(key: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"{key}: .* is neither a share"):
        CampaignSettings.read({key: value}, "campaign.toml")
    assert CampaignSettings.read({"budget": 200.0}, "campaign.toml").sizes(1000)[0] == 200


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"first": 1}, "first: a batch of 1, .* make it 2 cells or more \\(1 is one cell, 1.0 is"),
        ({"first": 2, "preset": "paper"}, "make it 3 cells or more"),
        ({"first": 2, "final": {"validation": "labelled"}}, "make it 3 cells or more"),
        ({"budget": 1}, "of a budget of 1, is too small to train on"),
        ({"budget": 1, "first": 10}, "lower first or audit_cells \\(1 is one cell, 1.0 is all"),
    ],
)
def test_what_is_too_little_to_train_on_is_refused(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        CampaignSettings.read(values, "campaign.toml").sizes(1000)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 0.89])
def test_the_least_labels_leave_two_cells_to_train_on(share: float) -> None:
    train = {"validation": "labelled", "validation_fraction": share}
    least = CampaignSettings.read({"train": train}, "campaign.toml").least_labels()
    cells = PreparedCells(np.arange(least), np.zeros((least, 1, 2, 2), np.float16))
    labelled = LabelledCells(cells, np.zeros(least, dtype=np.int64))
    assert len(hold_out(labelled, share, 0)[0]) == 2
    assert least - 1 - max(1, round(share * (least - 1))) < 2


def test_a_file_can_take_the_last_training_of_a_preset_away(tmp_path: Path) -> None:
    file = tmp_path / "campaign.toml"
    file.write_text('final = "none"\n')
    assert read_campaign_settings(file, "best").final is None
    assert CampaignSettings.read({}, "campaign", "best").final is not None
