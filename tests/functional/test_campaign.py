from __future__ import annotations

from pathlib import Path

import pytest

from cellquery.data.synthetic import into_project, synthetic_settings
from tests.processes import cellquery

SETTINGS = """
budget = 40
first = 10
per_round = 20
audit_cells = 5
preset = "best"
train = { max_epochs = 1, inputs = { side_px = 32 } }
final = { max_epochs = 1, min_steps = 0, inputs = { side_px = 32 } }
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("campaign") / "cells"
    made = into_project(160, synthetic_settings(n_specimens=12, seed=1), path)
    ids = [str(cell_id) for cell_id in made.manifest()["cell_id"].to_pylist()]
    made.save_split("parts", {"pool": ids[:120], "test": ids[120:]}, {})
    return path


def test_a_campaign_runs_to_its_end_and_tells_how_it_stands(project: Path, tmp_path: Path) -> None:
    settings = tmp_path / "campaign.toml"
    settings.write_text(SETTINGS)
    into = tmp_path / "runs" / "first"
    options = ["--settings", settings, "--split", "parts", "--pool", "pool", "--judge", "test"]
    ran = cellquery("campaign", "run", project, "--into", into, *options)
    assert ran.returncode == 0, ran.stderr
    assert "Ended: the budget is spent." in ran.stdout
    assert "For Research Use Only" in ran.stdout
    status = cellquery("campaign", "status", into)
    assert status.returncode == 0
    assert status.stdout == ran.stdout
    again = cellquery("campaign", "run", project, "--into", into, *options, "--seed", "3")
    assert again.returncode != 0
    assert "holds a campaign with other seed" in again.stderr


@pytest.mark.parametrize(
    ("settings", "options", "fault"),
    [
        ("budgets = 3", (), "budgets"),
        ("budget = 5\nfirst = 10", (), "first batch"),
        ("", ("--pool", "test"), "two purposes"),
    ],
)
def test_what_cannot_work_is_one_line(
    project: Path, tmp_path: Path, settings: str, options: tuple[str, ...], fault: str
) -> None:
    file = tmp_path / "campaign.toml"
    file.write_text(settings)
    common = ["--settings", file, "--split", "parts", "--judge", "test"]
    ran = cellquery("campaign", "run", project, "--into", tmp_path / "run", *common, *options)
    assert ran.returncode != 0
    assert fault in ran.stderr
    assert sum(line.startswith("error: ") for line in ran.stderr.splitlines()) == 1
    assert "Traceback" not in ran.stderr


def test_a_folder_without_a_campaign_is_named(tmp_path: Path) -> None:
    ran = cellquery("campaign", "status", tmp_path)
    assert ran.returncode != 0
    assert "campaign.json" in ran.stderr
