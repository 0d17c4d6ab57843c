from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from cellquery.campaign.began import check_settings
from cellquery.cli.app import app
from cellquery.core import ProjectError, SettingsError
from cellquery.data import Project
from cellquery.data.prepare import PreparedCells
from cellquery.data.selection import select
from cellquery.experiments import (
    CaseStudy,
    is_case_study,
    read_case_study,
    results_table,
    run_case_study,
)
from cellquery.experiments.cases import Grounds
from cellquery.experiments.cases_table import campaign_folder, case_results, cases_table
from cellquery.experiments.config import InitialLearning
from cellquery.experiments.initial import first_cells, learn_first, to_start_from
from cellquery.experiments.same_study import check_same_study
from cellquery.models import Classifier
from cellquery.reports.case_sections import rounds
from cellquery.reports.studies import ReportedStudy
from cellquery.training import LabelledCells, TrainSettings
from cellquery.wavelets import InputSettings
from tests.case_study import PUBLISHED, STUDY, TINY, run_together


@pytest.fixture
def records(case_study: Path, tmp_path: Path) -> Path:
    """What the study's runs say of themselves, in a directory that may be changed."""
    root = tmp_path / "tiny"
    ignored = shutil.ignore_patterns("*.parquet", "*.safetensors", "early", "rounds")
    return Path(shutil.copytree(case_study, root, ignore=ignored))


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_every_case_budget_and_seed_is_judged_on_known_and_unseen_specimens(
    case_study: Path,
) -> None:
    results = case_results(case_study)
    assert len(results) == 4 * 2 * 2 * 2
    assert {result.judged for result in results} == {"test", "unseen"}
    assert all(0 <= result.mca <= 1 for result in results)
    of_budget = {result.budget: result.n_labels for result in results}
    assert of_budget[0.2] > of_budget[0.1]


def test_cells_of_specimens_kept_out_are_judged_as_unseen_alone(
    case_project: Project, tmp_path: Path
) -> None:
    project = Project.open(shutil.copytree(case_project.path, tmp_path / "cells"))
    ids = np.array(project.manifest()["cell_id"].to_pylist())
    project.save_split("mixed", {"pool": ids[1::2].tolist(), "test": ids[::2].tolist()}, {})
    changes = {"cases": ["RS"], "split": "mixed", "test": ["test"], "seeds": [1]}
    study = CaseStudy(**{**STUDY, **changes})

    grounds = Grounds.prepare(study, project, 1)

    known, unseen = grounds.judged
    assert (known.name, unseen.name) == ("test", "unseen")
    assert set(known.specimens) <= set(grounds.pool.specimens)
    assert not set(unseen.specimens) & {*grounds.pool.specimens, *known.specimens}
    assert set(known.cells.ids) <= set(ids[::2])
    assert len(known.cells) + len(grounds.pool) < len(ids)


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
    assert "IN-AL at 10 % against IN-RS at 20 % on unseen: MCA" in text
    assert "IN-AL at 20 % against IN-RS at 40 %" not in text
    assert "95 % interval over 2 folds" in text
    assert "For Research Use Only" in text


def test_with_all_labels_there_is_nothing_to_choose(case_project: Project, tmp_path: Path) -> None:
    all_labels = {**STUDY, "budgets": [1.0], "seeds": [0], "folds": 0}
    both = run_case_study(
        CaseStudy(**{**all_labels, "cases": ["RS", "AL"]}), case_project, tmp_path
    )
    some = {"cases": ["AL"], "budgets": [0.2, 1.0], "name": "alone"}
    alone = CaseStudy(**{**all_labels, **some})
    alone_root = run_case_study(alone, case_project, tmp_path)

    random, active = case_results(both)
    _, by_itself = case_results(alone_root)

    assert not (both / "AL").exists()
    assert (random.case, active.case) == ("RS", "AL")
    assert random.n_labels == len(select(case_project, "parts", ["pool"]).ids)
    for each in (active, by_itself):
        assert (each.n_labels, each.mca, each.recall) == (
            random.n_labels,
            random.mca,
            random.recall,
        )
    assert "| AL | 100 % |" in results_table(both)
    assert "AL against RS" not in results_table(both)
    assert "AL at 20 % against AL at 100 % on test: MCA" in results_table(alone_root)
    reported = ReportedStudy(both)
    assert len(reported.campaigns) == 1
    shown = rounds(reported, tmp_path)
    assert (shown.plates, shown.notes) == ({}, ["No campaign of this study chose cells in rounds."])


def test_active_choice_of_all_labels_waits_for_random_choice(
    case_project: Project, tmp_path: Path
) -> None:
    study = CaseStudy(**{**STUDY, "budgets": [1.0], "seeds": [0]})
    root = run_case_study(study, case_project, tmp_path, cases=["AL", "IN-AL"])
    assert not list(root.rglob("campaign.json"))


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
        ("budgets = [0.2, 0.1, 0.1004]", "budgets: .* 0.1 and 0.1004 agree to 0.1 %"),
        (
            "budgets = [1.0, 0.1]\ncampaign = { cold_start = 'typiclust' }",
            "AL cannot begin with cold_start",
        ),
        ("test = []", "nothing is judged: name parts in test, or set folds"),
        ("test = ['t', 'p']", "parts: p stands twice"),
        ("test = ['i']", "parts: i stands twice"),
        ("seeds = [0, -1]", r"study.toml: seeds\.1: .* greater than or equal to 0"),
        ("seeds = [0, 1, 0]", "seeds: 0 stands twice"),
        ("cases = ['RS', 'RS']", "cases: RS stands twice"),
        ("campaign = { cold_start = 'typiclust' }", "AL cannot begin with cold_start = 'typicl"),
        (
            "random = { train = { inputs = { side_px = 32 } } }",
            r"RS has inputs.side_px = 32, not 80",
        ),
        ("campaign = { strategi = 'margin' }", "strategi"),
        ("colour = 1", "colour"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "study.toml"
    budgets = "" if line.startswith("budgets") else "budgets = [0.1]\n"
    judged = "" if line.startswith("test") else "test = ['t']\n"
    path.write_text(
        f"name = 'x'\n{budgets}split = 's'\npool = ['p']\n{judged}{line}\n"
        "[initial]\nparts = ['i']\n"
    )
    assert is_case_study(path)
    with pytest.raises(SettingsError, match=fault):
        read_case_study(path)


def test_an_initial_learning_that_meets_specimens_judged_as_unseen_is_refused(
    case_project: Project, tmp_path: Path
) -> None:
    parts = case_project.split("parts")
    met = {"initial": [*parts["initial"], parts["pool"][0]], "pool": parts["pool"][1:]}
    case_project.save_split("by-cell", {**met, "test": parts["test"]}, {})
    study = CaseStudy(**{**STUDY, "split": "by-cell"})
    with pytest.raises(SettingsError, match="meets specimen S006, which folds judge as unseen"):
        run_case_study(study, case_project, tmp_path)
    assert not list(tmp_path.glob("tiny/*"))


def test_an_unknown_case_is_refused(case_project: Project, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no case 'IN'"):
        run_case_study(CaseStudy(**STUDY), case_project, tmp_path, cases=["IN"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"campaign": {**STUDY["campaign"], "first": 7}}, "campaign.first = 6, not 7"),
        ({"folds": 3}, "folds = 4, not 3"),
        ({"pool": ["pool", "more"]}, r'pool = \["pool"\], not \["pool", "more"\]'),
        ({"initial": {**STUDY["initial"], "parts": ["initial", "more"]}}, "initial.parts = "),
        (
            {"initial": {**STUDY["initial"], "synthetic_specimens": 9}},
            "initial.synthetic_specimens",
        ),
    ],
)
def test_a_study_whose_file_has_changed_is_refused_and_left_as_it_is(
    records: Path, case_project: Project, change: dict[str, Any], fault: str
) -> None:
    before = (records / "study.json").read_bytes()
    with pytest.raises(SettingsError, match=f"holds runs with {fault}"):
        run_case_study(CaseStudy(**{**STUDY, **change}), case_project, records.parent)
    assert (records / "study.json").read_bytes() == before


def test_cases_budgets_and_seeds_may_go_and_what_came_later_was_at_its_default(
    records: Path, case_project: Project
) -> None:
    """Records as earlier versions wrote them."""
    study = json.loads((records / "study.json").read_text())
    del study["random"], study["initial"]["synthetic_cells"]
    (records / "study.json").write_text(json.dumps({**study, "fold": 0}))
    for path in records.rglob("campaign.json"):
        facts = json.loads(path.read_text())
        del facts["settings"]["stop_kappa"]
        if "RS" in str(path):
            facts["settings"]["train"] |= {"max_epochs": 6, "min_steps": 50}
        kept = {key: facts[key] for key in ("settings", "seed", "patterns", "pool", "budget")}
        path.write_text(json.dumps(kept))
    before = {path: path.stat().st_mtime_ns for path in records.rglob("final.json")}
    fewer = {"cases": ["AL", "IN-RS"], "budgets": [0.2], "seeds": [1]}
    run_case_study(CaseStudy(**{**STUDY, **fewer}), case_project, records.parent)
    assert {path: path.stat().st_mtime_ns for path in records.rglob("final.json")} == before


def test_a_finished_campaign_of_other_settings_is_refused(
    records: Path, case_project: Project
) -> None:
    path = records / "IN-AL" / "seed-1" / "budget-020.0" / "campaign.json"
    changed(path, settings={**json.loads(path.read_text())["settings"], "strategy": "entropy"})
    with pytest.raises(SettingsError, match='campaign with strategy = "entropy", not "margin"'):
        run_case_study(CaseStudy(**STUDY), case_project, records.parent)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("pool", {"cells": 90, "digest": "0" * 32}, "cells of the pool or their images"),
        ("judged_cells", {"test": "0" * 32}, "the cells that it was judged on"),
        ("judged_labels", {"test": "0" * 32}, "the cells that it was judged on"),
        ("known_labels", "0" * 32, "the labels of the pool"),
        ("patterns", ["golgi"], "the patterns"),
    ],
)
def test_a_finished_campaign_of_other_cells_is_refused(
    records: Path, case_project: Project, key: str, value: object, fault: str
) -> None:
    changed(records / "AL" / "seed-1" / "budget-010.0" / "campaign.json", **{key: value})
    with pytest.raises(ProjectError, match=f"seed-1/budget-010.0: {fault} have changed"):
        run_case_study(CaseStudy(**STUDY), case_project, records.parent)


@pytest.mark.parametrize("name", PUBLISHED)
def test_committed_studies_are_those_of_their_files(name: str, repository: Path) -> None:
    study, root = (
        read_case_study(repository / "experiments" / f"{name}.toml"),
        repository / "results",
    )
    check_same_study(root / name, study)
    folders = [path.parent for path in (root / name).rglob("campaign.json")]
    assert folders
    for folder in folders:
        case, budget = folder.relative_to(root / name).parts[0], float(folder.name[7:]) / 100
        check_settings(folder, study.settings_of(case, budget))  # type: ignore[arg-type]


def test_a_limit_of_epochs_that_few_labels_do_not_reach_changes_no_campaign(
    repository: Path,
) -> None:
    study = read_case_study(repository / "experiments" / "i3a-cases.toml")
    folder = campaign_folder(repository / "results" / "i3a-cases", "IN-AL", 0, 0.2)
    settings = study.settings_of("IN-AL", 0.2)
    assert settings.final is not None
    # 1,174 labels make 1,500 steps of 32 in 41 epochs.
    for limit in (1, 41):
        final = {**settings.final, "max_epochs": limit}
        check_settings(folder, settings.model_copy(update={"final": final}))
    for other in ({"max_epochs": 42}, {"min_steps": 1501}, {"learning_rate": 1e-3}):
        final = {**settings.final, **other}
        with pytest.raises(SettingsError, match=r"holds a campaign with final_training\.\w+ = "):
            check_settings(folder, settings.model_copy(update={"final": final}))


def test_an_initial_network_that_has_learnt_other_cells_is_refused(
    case_project: Project, tmp_path: Path
) -> None:
    settings = TrainSettings.read(TINY, "tiny", "best")

    def learn(*parts: str) -> None:
        learn_first(
            InitialLearning(parts=parts),
            settings,
            case_project,
            "parts",
            tmp_path / "initial",
            seed=0,
            synthetic=tmp_path,
            about={},
        )

    learn("initial")
    with pytest.raises(SettingsError, match="has learnt parts initial, not parts initial, test"):
        learn("initial", "test")
    learn("initial")


def test_the_table_tells_what_a_companion_brings(records: Path) -> None:
    assert "companion" not in cases_table(records)
    for seed, alone in ((0, 0.02), (1, 0.04)):
        final = campaign_folder(records, "IN-AL", seed, 0.2) / "final"
        both = json.loads((final / "evaluation-test.json").read_text())["mca"]
        (final / "network").mkdir()
        (final / "network" / "evaluation-test.json").write_text(json.dumps({"mca": both - alone}))
    assert (
        "IN-AL at 20 % on test, with its companion against the network alone: MCA +3.00 points "
        "(95 % interval over 2 folds"
    ) in cases_table(records)


def test_a_pattern_that_initial_learning_has_not_met_asks_for_a_new_last_layer() -> None:
    images = np.zeros((6, 1, 16, 16), np.float16)
    cells = PreparedCells(np.array([f"c{i}" for i in range(6)], dtype=object), images)
    five = LabelledCells(cells, np.array([0, 1, 2, 3, 4, 4]))
    six = LabelledCells(cells, np.arange(6))
    patterns = ("a", "b", "c", "d", "e", "f")
    learnt = Classifier.fresh(patterns, InputSettings(side_px=16), seed=7)
    weights = {name: value.clone() for name, value in learnt.network.state_dict().items()}

    assert to_start_from(learnt, six, 0) is learnt
    first, again, other = (to_start_from(learnt, five, seed) for seed in (0, 0, 1))
    for name, value in first.network.state_dict().items():
        is_head = name.startswith("head.")
        assert bool(torch.equal(value, weights[name])) is not is_head, name
        assert torch.equal(value, again.network.state_dict()[name])
    assert not torch.equal(first.network.head.weight, other.network.head.weight)
    for name, value in learnt.network.state_dict().items():
        assert torch.equal(value, weights[name]), "what initial learning led to is left as it is"


def test_as_many_synthetic_cells_of_more_specimens_are_others(
    case_project: Project, tmp_path: Path
) -> None:
    settings = TrainSettings.read(TINY, "tiny", "best")
    made = [
        first_cells(
            InitialLearning(synthetic_cells=24, synthetic_specimens=specimens),
            settings,
            case_project,
            "parts",
            synthetic=tmp_path,
        )
        for specimens in (12, 6)
    ]
    assert [len(cells) for cells, _ in made] == [24, 24]
    assert set(made[0][0].cells.ids) != set(made[1][0].cells.ids)


@pytest.mark.timeout(300)
def test_two_processes_that_share_a_study_learn_first_once(
    case_project: Project, tmp_path: Path
) -> None:
    # The only training of so many epochs, and long enough for both to meet there.
    settings = {**TINY, "max_epochs": 97}
    changes = {
        "seeds": [0],
        "budgets": [0.1],
        "initial": {**STUDY["initial"], "settings": settings},
    }
    # Not forked: a fork would copy the locks of torch's threads.
    context = multiprocessing.get_context("spawn")
    both, cases = context.Barrier(2), ("IN-RS", "IN-AL")
    processes = [
        context.Process(
            target=run_together, args=(changes, case_project.path, tmp_path, case, both)
        )
        for case in cases
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0, 0]
    n_batches = 2  # 40 cells, 32 at a time
    told = [json.loads((tmp_path / f"{case}.json").read_text()) for case in cases]
    assert sum(f"training {97 * n_batches}" in each for each in told) == 1
    assert {result.case for result in case_results(tmp_path / "tiny")} == set(cases)


def test_random_cells_stay_random_whatever_active_ones_begin_with() -> None:
    study = CaseStudy(
        **{
            **STUDY,
            "cases": ["IN-RS", "IN-AL"],
            "campaign": {**STUDY["campaign"], "cold_start": "typiclust"},
        }
    )
    study.check("study")
    assert study.settings_of("IN-RS", 0.2).cold_start == "random"
    assert study.settings_of("IN-AL", 0.2).cold_start == "typiclust"


def test_random_cells_and_the_audit_are_the_budget_together(
    case_project: Project, tmp_path: Path
) -> None:
    audit = {"campaign": {**STUDY["campaign"], "audit_cells": 5}, "folds": 0}
    small = {"cases": ["RS"], "seeds": [0], "budgets": [0.2]}
    study = CaseStudy(**{**STUDY, **audit, **small})
    folder = run_case_study(study, case_project, tmp_path) / "RS" / "seed-0" / "budget-020.0"
    facts = json.loads((folder / "campaign.json").read_text())
    assert (facts["first"], facts["budget"]) == (23 - 5, 23)
    assert json.loads((folder / "final" / "final.json").read_text())["n_labels"] == 23


def test_a_budget_that_a_case_cannot_keep_to_is_refused_before_any_work(
    case_project: Project, tmp_path: Path
) -> None:
    study = CaseStudy(**{**STUDY, "budgets": [0.2, 0.05]})
    with pytest.raises(SettingsError, match="fewer than the first batch of 6"):
        run_case_study(study, case_project, tmp_path)
    assert not list(tmp_path.glob("tiny/*"))


def test_the_initial_learning_has_the_inputs_and_the_network_of_the_rounds() -> None:
    train = {**TINY, "network": "frozen-backbone", "inputs": {"side_px": 32}}
    rounds = {"campaign": {"train": train, "final": TINY}}
    plain = CaseStudy(**{**STUDY, **rounds, "initial": {"parts": ["initial"]}}).initial_settings()
    assert plain.inputs.side_px == 32
    assert plain.network == "frozen-backbone"
    other = CaseStudy(**{**STUDY, **rounds})
    with pytest.raises(
        SettingsError, match=r"initial: inputs.side_px = 16, not 32 as in the rounds"
    ):
        other.initial_settings()


@pytest.mark.parametrize(
    "names", [("i3a-companion", "i3a-cases"), ("i3a-unseen-companion", "i3a-unseen")]
)
def test_a_study_with_a_companion_differs_from_the_one_without_in_nothing_else(
    names: tuple[str, str], repository: Path
) -> None:
    with_it, without = (
        read_case_study(repository / "experiments" / f"{name}.toml").model_dump() for name in names
    )
    assert with_it["campaign"].pop("companion")["network"] == "texture-svm"
    for key in ("name", "cases", "budgets", "seeds"):
        with_it.pop(key), without.pop(key)
    assert with_it == without


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_studies_learn_first_what_they_did(name: str, repository: Path) -> None:
    study = read_case_study(repository / "experiments" / f"{name}.toml")
    alone = TrainSettings.read(study.initial.settings, name, study.preset)
    assert study.initial_settings() == alone


def test_seconds_leave_out_a_round_whose_network_is_not_used(case_study: Path) -> None:
    def spent(path: Path) -> float:
        return sum(json.loads(path.read_text())["seconds"].values())

    for result in case_results(case_study):
        folder = campaign_folder(case_study, result.case, result.seed, result.budget)
        last = spent(folder / "final" / "final.json")
        rounds = sum(map(spent, folder.glob("rounds/*/round.json")))
        assert result.seconds == pytest.approx(last + rounds * result.case.endswith("AL"))


def test_campaigns_that_are_unlike_are_named(records: Path) -> None:
    assert "32 bits" not in results_table(records)
    assert "initial networks" not in results_table(records)
    path = campaign_folder(records, "IN-RS", 1, 0.2) / "campaign.json"
    changed(path, initial_network="another")
    for each in records.rglob("campaign.json"):
        facts = json.loads(each.read_text())
        about = {**facts["about"], "has_bf16": each != path}
        asked = {**facts["final_training"], "precision": "bf16-mixed"}
        changed(each, about=about, final_training=asked)

    text = results_table(records)

    assert "In 32 bits, the others in bfloat16: IN-RS at 20 %." in text
    assert (
        "Seed 1 has 2 initial networks, learnt alike but not the same: "
        "IN-RS at 10 %, IN-AL at 10 %, IN-AL at 20 %; IN-RS at 20 %."
    ) in text


def test_seeds_that_not_all_cases_have_are_named(records: Path) -> None:
    assert "alone" not in results_table(records)
    for case in ("IN-RS", "IN-AL"):
        (campaign_folder(records, case, 1, 0.2) / "final" / "final.json").unlink()
    said = "At 20 % RS, AL alone have seed 1: rows are means of other seeds."
    assert said in results_table(records)


def test_a_pattern_that_judged_cells_lack_is_named_with_its_seeds(repository: Path) -> None:
    text = results_table(repository / "results" / "i3a-unseen")
    assert "No golgi in unseen of 3 seeds (0, 1, 5): MCA there is the mean of the other" in text
    assert "No golgi" not in results_table(repository / "results" / "i3a-cases")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--split", "other"], "--split: a study of cases names its own parts"),
        (["--only", "test"], "--only: a study of cases has no such halves"),
        (["--accelerator", "cuda"], "--accelerator: campaigns compute on processors alone"),
        (["--engine", "ray", "--gpus-per-task", "1"], "--gpus-per-task: campaigns compute on"),
    ],
)
def test_options_that_a_study_of_cases_would_not_heed_are_refused(
    options: list[str], fault: str, repository: Path, case_project: Project, tmp_path: Path
) -> None:
    file = repository / "experiments" / "i3a-cases.toml"
    command = ["experiment", "run", str(file), "--project", str(case_project.path)]
    done = CliRunner().invoke(app, [*command, "--into", str(tmp_path), *options])
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception).startswith(fault)
    assert not list(tmp_path.iterdir())
