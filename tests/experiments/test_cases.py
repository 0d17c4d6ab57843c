from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cellquery.core import ProjectError, SettingsError
from cellquery.data import Project
from cellquery.experiments import (
    CaseStudy,
    is_case_study,
    read_case_study,
    results_table,
    run_case_study,
)
from cellquery.experiments.cases_table import case_results
from tests.case_study import STUDY


def test_every_case_budget_and_seed_is_judged_on_known_and_unseen_specimens(
    case_study: Path,
) -> None:
    results = case_results(case_study)
    assert len(results) == 4 * 2 * 2 * 2
    assert {result.judged for result in results} == {"test", "unseen"}
    assert all(0 <= result.mca <= 1 for result in results)
    of_budget = {result.budget: result.n_labels for result in results}
    assert of_budget[0.2] > of_budget[0.1]


def test_cases_of_a_seed_share_their_first_cells_and_the_initial_network(case_study: Path) -> None:
    campaigns = [
        json.loads((case_study / case / "seed-0" / "budget-020.0" / "campaign.json").read_text())
        for case in ("AL", "IN-AL", "RS", "IN-RS")
    ]
    assert len({campaign["pool"]["digest"] for campaign in campaigns}) == 1
    first = [
        (
            case_study / case / "seed-0" / "budget-020.0" / "rounds" / "000" / "query.parquet"
        ).read_bytes()
        for case in ("AL", "IN-AL")
    ]
    assert first[0] == first[1]
    assert (case_study / "initial" / "seed-0" / "model.safetensors").exists()


def test_random_cells_are_drawn_at_once_where_a_last_training_follows(case_study: Path) -> None:
    assert len(list((case_study / "IN-RS" / "seed-0" / "budget-020.0" / "rounds").iterdir())) == 1
    assert len(list((case_study / "IN-AL" / "seed-0" / "budget-020.0" / "rounds").iterdir())) > 1


def test_finished_campaigns_are_kept_without_their_weights(
    case_study: Path, case_project: Project
) -> None:
    finals = sorted(case_study.rglob("final.json"))
    before = [path.stat().st_mtime_ns for path in finals]
    for path in case_study.rglob("*.safetensors"):
        path.unlink()
    run_case_study(CaseStudy(**STUDY), case_project, case_study.parent)
    assert [path.stat().st_mtime_ns for path in finals] == before


def test_the_table_sets_active_against_random_over_seeds(case_study: Path) -> None:
    text = results_table(case_study)
    assert "| IN-AL | 20 % |" in text
    assert "IN-AL against IN-RS at 20 % on unseen: MCA" in text
    assert "95 % interval over 2 seeds" in text
    assert "For Research Use Only" in text


def test_options_go_with_their_strategy() -> None:
    study = CaseStudy(**{**STUDY, "campaign": {**STUDY["campaign"], "options": {}}})
    assert study.settings_of("AL", 0.2).options == {}
    assert CaseStudy(**STUDY).settings_of("AL", 0.2).options == {"random_share": 0.3}
    assert CaseStudy(**STUDY).settings_of("RS", 0.2).options == {}
    spread = {"options": {"per_specimen_cap": 2}}
    assert CaseStudy(**STUDY, random=spread).settings_of("RS", 0.2).options == spread["options"]


def test_the_initial_network_is_judged_before_any_label_of_the_pool(case_study: Path) -> None:
    folder = case_study / "initial" / "seed-0"
    for name in ("test", "unseen"):
        assert json.loads((folder / f"evaluation-{name}.json").read_text())["n_cells"] > 10


def test_each_seed_keeps_another_fold_of_specimens_out_of_its_pool(case_study: Path) -> None:
    pools = [
        set(pq.read_table(path, columns=["cell_id"])["cell_id"].to_pylist())
        for path in sorted(case_study.glob("AL/seed-*/budget-020.0/rounds/000/pool.parquet"))
    ]
    everything = pools[0] | pools[1]
    assert everything - pools[0]
    assert everything - pools[1]


def test_a_study_without_results_is_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(json.dumps(CaseStudy(**STUDY).model_dump()))
    with pytest.raises(ProjectError, match="no finished campaign"):
        results_table(tmp_path)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("cases = ['RS', 'IN']", "cases"),
        ("budgets = [1.5]", "budgets"),
        ("campaign = { strategi = 'margin' }", "strategi"),
        ("colour = 1", "colour"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "study.toml"
    budgets = "" if line.startswith("budgets") else "budgets = [0.1]\n"
    path.write_text(
        f"name = 'x'\n{budgets}split = 's'\npool = ['p']\n{line}\n[initial]\nparts = ['i']\n"
    )
    assert is_case_study(path)
    with pytest.raises(SettingsError, match=fault):
        read_case_study(path)


def test_an_unknown_case_is_refused(case_project: Project, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no case 'IN'"):
        run_case_study(CaseStudy(**STUDY), case_project, tmp_path, cases=["IN"])
