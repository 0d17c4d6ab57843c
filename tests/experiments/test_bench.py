from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cellquery.campaign.records import read_json
from cellquery.core import SettingsError
from cellquery.core.durable import write_json
from cellquery.data import Project
from cellquery.experiments import CaseStudy
from cellquery.experiments.bench import bench_campaign, bench_table
from cellquery.models import Classifier
from tests.case_study import STUDY


def early_weights(run: Path) -> list[torch.Tensor]:
    network = Classifier.load(run / "model.safetensors").network
    return [weight for module in network.early_modules() for weight in module.parameters()]


def test_three_ways_are_run_and_the_table_sets_them_side_by_side(
    case_project: Project, tmp_path: Path
) -> None:
    root = bench_campaign(CaseStudy(**STUDY), case_project, tmp_path, budget=0.2)
    costs = {cost["name"]: cost for cost in read_json(root / "costs.json")["costs"]}
    assert list(costs) == ["all-labels", "campaign", "literal"]
    assert set(costs["all-labels"]["seconds"]) == {"last training"}
    assert costs["campaign"]["n_labels"] == costs["literal"]["n_labels"]
    assert costs["campaign"]["n_labels"] < costs["all-labels"]["n_labels"]
    assert "judging" not in costs["campaign"]["seconds"]
    caches = {
        name: read_json(root / name / "campaign.json")["settings"]["cache_mb"]
        for name in ("literal", "campaign")
    }
    assert caches["literal"] == 0 < caches["campaign"]
    assert costs["campaign"]["cpu_seconds"]["caching"] > costs["literal"]["cpu_seconds"]["caching"]
    initial = early_weights(root / "initial" / "seed-0")
    for name, frozen in (("campaign", True), ("literal", False)):
        last = early_weights(max((root / name / "rounds").iterdir()))
        assert all(map(torch.equal, initial, last)) == frozen
    table = bench_table(root)
    assert "| campaign |" in table
    assert "| 1.00 |" in table
    assert set(costs["literal"]["cpu_seconds"]) == set(costs["literal"]["seconds"])
    assert "CPU ratio |" in table
    facts = read_json(root / "costs.json")
    for cost in facts["costs"]:
        del cost["cpu_seconds"]
    write_json(root / "costs.json", facts)
    assert "| - | - |" in bench_table(root)
    before = (root / "literal" / "final" / "final.json").stat().st_mtime_ns
    bench_campaign(CaseStudy(**STUDY), case_project, tmp_path, budget=0.2)
    assert (root / "literal" / "final" / "final.json").stat().st_mtime_ns == before


def test_a_budget_that_leaves_nothing_to_choose_is_refused(
    case_project: Project, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="leaves nothing to choose"):
        bench_campaign(CaseStudy(**STUDY), case_project, tmp_path, budget=1.0)


def test_a_study_without_a_last_training_is_a_clear_line(
    case_project: Project, tmp_path: Path
) -> None:
    study = CaseStudy(**{**STUDY, "preset": "paper", "campaign": {}})
    with pytest.raises(SettingsError, match="no last training"):
        bench_campaign(study, case_project, tmp_path, budget=0.2)


def test_all_labels_are_all_labels_whatever_a_campaign_begins_with(
    case_project: Project, tmp_path: Path
) -> None:
    campaign = {**STUDY["campaign"], "cold_start": "typiclust", "audit_cells": 4}
    study = CaseStudy(**{**STUDY, "campaign": campaign, "folds": 0, "cases": ["IN-AL"]})
    root = bench_campaign(study, case_project, tmp_path, budget=0.2, literal=False)
    facts = read_json(root / "costs.json")
    assert {cost["name"]: cost["n_labels"] for cost in facts["costs"]} == {
        "all-labels": facts["pool"],
        "campaign": 23,
    }
    assert read_json(root / "all-labels" / "rounds" / "000" / "round.json")["chosen_by"] == "random"
