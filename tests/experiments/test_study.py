from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellquery.core import SIX_PATTERNS, CellqueryError, SettingsError, TrainingError
from cellquery.data import Project
from cellquery.experiments import (
    is_case_study,
    place_table,
    read_case_study,
    read_experiment,
    results_table,
    run_experiment,
    summarise,
)
from cellquery.experiments.config import InitialLearning
from cellquery.experiments.study import _pool_folds
from tests.case_study import PUBLISHED

TOML = """
name = "small"
preset = "best"
seeds = [0, 1]
fold_seeds = [0]
split = "random"
train = ["train"]
test = ["test"]
folds = 2

[settings]
max_epochs = 1
views = 1
inputs.side_px = 16

[[variants]]
name = "signed"
settings.inputs.details = "signed"

[[variants]]
name = "magnitude"

[[variants]]
name = "mean"
mean_of = ["signed", "magnitude"]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, synthetic_project: Path) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "small.toml").write_text(TOML)
    experiment = read_experiment(folder / "small.toml")
    return run_experiment(experiment, Project.open(synthetic_project), folder / "runs")


def test_every_variant_seed_and_fold_has_a_run_directory(finished: Path) -> None:
    found = {str(path.parent.relative_to(finished)) for path in finished.rglob("about.json")}
    expected = {f"{v}/seed-{s}/all" for v in ("signed", "magnitude") for s in (0, 1)}
    expected |= {f"{v}/seed-0/fold-{f}" for v in ("signed", "magnitude") for f in (0, 1)}
    assert found == expected


def test_folds_together_judge_every_training_cell_once_and_no_seen_specimen(
    finished: Path, synthetic_project: Path
) -> None:
    project = Project.open(synthetic_project)
    seed_dir = finished / "signed" / "seed-0"
    table = pq.read_table(seed_dir / "predictions-unseen.parquet")
    assert sorted(table["cell_id"].to_pylist()) == sorted(project.split("random")["train"])
    folds = [
        set(pq.read_table(seed_dir / f"fold-{i}" / "predictions-unseen.parquet")["specimen"])
        for i in (0, 1)
    ]
    assert not folds[0] & folds[1]


def test_no_test_cell_is_trained_on(finished: Path) -> None:
    about = json.loads((finished / "signed" / "seed-0" / "all" / "about.json").read_text())
    evaluation = json.loads(
        (finished / "signed" / "seed-0" / "all" / "evaluation-test.json").read_text()
    )
    assert about["n_train"] + evaluation["n_cells"] == 96
    assert about["n_validation"] == 0


@pytest.mark.parametrize("judged", ["seed-0/predictions-unseen", "seed-0/all/predictions-test"])
def test_a_mean_of_variants_is_the_mean_of_their_probabilities(finished: Path, judged: str) -> None:
    signed, magnitude, mean = (
        pq.read_table(finished / variant / f"{judged}.parquet").sort_by("cell_id")
        for variant in ("signed", "magnitude", "mean")
    )
    assert mean["cell_id"].equals(signed["cell_id"])
    assert mean["pattern"].equals(signed["pattern"])
    expected = (signed["p_golgi"].to_numpy() + magnitude["p_golgi"].to_numpy()) / 2
    assert mean["p_golgi"].to_numpy() == pytest.approx(expected, abs=1e-6)


def test_summary_puts_unseen_specimens_first(finished: Path) -> None:
    summaries = summarise(finished)
    assert [(s.variant, s.judgement, s.n_seeds) for s in summaries] == [
        ("signed", "unseen", 1),
        ("signed", "test", 2),
        ("magnitude", "unseen", 1),
        ("magnitude", "test", 2),
        ("mean", "unseen", 1),
        ("mean", "test", 2),
    ]
    text = results_table(finished)
    assert text.index("unseen specimens") < text.index("test, known sera")
    assert "±" in text
    assert "MCA − signed" in text


def test_a_table_takes_its_place_in_a_page_again_and_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- small -->\nold\n<!-- /small -->\nAfter\n")
    for table in ("| a |", "| b |"):
        place_table(page, "small", table)
    expected = "Before\n<!-- small -->\n\n| b |\n\n<!-- /small -->\nAfter\n"
    assert page.read_text() == expected
    with pytest.raises(CellqueryError, match="no place for 'large'"):
        place_table(page, "large", "| c |")


def test_running_again_trains_nothing_and_an_unfinished_run_is_finished(
    finished: Path, synthetic_project: Path
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("model.safetensors")}
    lost = finished / "signed" / "seed-1" / "all" / "model.safetensors"
    (lost.parent / "evaluation-test.json").unlink()
    lost.unlink()
    run_experiment(experiment, Project.open(synthetic_project), finished.parent)
    after = {path: path.stat().st_mtime_ns for path in finished.rglob("model.safetensors")}
    assert set(after) == set(before)
    assert {path for path in before if after[path] != before[path]} == {lost}


def test_runs_of_other_cells_do_not_pass_for_those_asked_for(
    finished: Path, synthetic_project: Path
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    kept = (finished / "experiment.json").read_bytes()
    for change in (
        {"split": "other"},
        {"train": ("test",)},
        {"test": ("train",)},
        {"folds": 3},
        {"fold_seed": 7},
        {"cells_per_specimen": 2},
    ):
        other = experiment.model_copy(update=change)
        with pytest.raises(SettingsError, match=f"holds runs with {next(iter(change))} = "):
            run_experiment(other, Project.open(synthetic_project), finished.parent)
    assert (finished / "experiment.json").read_bytes() == kept


def test_cells_of_runs_are_held_against_all_that_was_ever_run(
    finished: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    root = Path(shutil.copytree(finished, tmp_path / finished.name))
    project = Project.open(synthetic_project)

    def run(**changes: object) -> None:
        run_experiment(experiment.model_copy(update=changes), project, tmp_path, variants=["mean"])

    signed, magnitude, mean = experiment.variants
    mean = mean.model_copy(update={"mean_of": ("magnitude",)})
    met = InitialLearning(synthetic_cells=8)
    begun = signed.model_copy(update={"initial": met})
    run(folds=0, test=("test",))
    run(test=())
    run(variants=(magnitude, mean))
    kept = (root / "experiment.json").read_bytes()
    assert len(json.loads(kept)["variants"]) == 2
    for change in ({"folds": 3}, {"test": ("train",)}, {"variants": (begun, magnitude, mean)}):
        key = next(iter(change)).replace("variants", "initial.signed")
        with pytest.raises(SettingsError, match=f"holds runs with {key} = "):
            run(**change)
    assert (root / "experiment.json").read_bytes() == kept
    run()


@pytest.mark.parametrize("relabelled", [True, False])
@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("train", "signed/seed-0/all: holds a training of other cells"),
        ("test", "signed/seed-0/all: was judged on other cells"),
    ],
)
def test_finished_runs_of_other_cells_or_labels_do_not_pass_for_those_asked_for(
    finished: Path, synthetic_project: Path, tmp_path: Path, part: str, fault: str, relabelled: bool
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    project = Project.open(Path(shutil.copytree(synthetic_project, tmp_path / "cells")))
    split = project.split("random")
    if relabelled:
        shard = project.path / "images" / "part-00000.arrow"
        table = pa.ipc.open_file(shard.read_bytes()).read_all()
        row, patterns = table["cell_id"].index(split[part][0]).as_py(), table["pattern"].to_pylist()
        patterns[row] = next(each for each in project.patterns if each != patterns[row])
        number = table.schema.get_field_index("pattern")
        table = table.set_column(number, table.schema.field(number), [patterns])
        with pa.ipc.new_file(shard, table.schema) as file:
            file.write_table(table)
    else:
        project.save_split("random", {**split, part: split[part][1:]}, {})
    with pytest.raises(TrainingError, match=f"{fault} or labels; choose another directory"):
        run_experiment(experiment, project, finished.parent)


def test_folds_that_are_judged_together_are_those_asked_for(finished: Path, tmp_path: Path) -> None:
    seed_dir = Path(shutil.copytree(finished / "signed" / "seed-0", tmp_path / "seed-0"))
    shutil.copytree(seed_dir / "fold-1", seed_dir / "fold-2")
    before = pq.read_table(seed_dir / "predictions-unseen.parquet")
    _pool_folds(seed_dir, 2, SIX_PATTERNS)
    assert pq.read_table(seed_dir / "predictions-unseen.parquet").equals(before)


def test_finished_runs_of_other_settings_do_not_pass_for_those_asked_for(
    finished: Path, synthetic_project: Path
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    kept = (finished / "experiment.json").read_bytes()
    settings = {**experiment.settings, "learning_rate": 0.02}
    other = experiment.model_copy(update={"settings": settings})
    with pytest.raises(TrainingError, match="holds a training with other settings"):
        run_experiment(other, Project.open(synthetic_project), finished.parent)
    assert (finished / "experiment.json").read_bytes() == kept


def test_folds_are_judged_together_when_all_are_there(
    finished: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    experiment = read_experiment(finished.parent.parent / "small.toml")
    root = Path(shutil.copytree(finished, tmp_path / finished.name))
    whole = root / "signed" / "seed-0" / "evaluation-unseen.json"
    before = json.loads(whole.read_text())
    whole.unlink()
    (root / "signed" / "seed-0" / "fold-1" / "evaluation-unseen.json").unlink()

    run_experiment(experiment, Project.open(synthetic_project), tmp_path, only="test")
    assert not whole.exists()

    run_experiment(experiment, Project.open(synthetic_project), tmp_path)
    assert json.loads(whole.read_text())["aca"] == before["aca"]


def test_a_pattern_that_a_seed_did_not_judge_is_left_out_of_its_mean(
    finished: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / finished.name))
    path = root / "signed" / "seed-1" / "all" / "evaluation-test.json"
    values = json.loads(path.read_text())
    other = json.loads((root / "signed/seed-0/all/evaluation-test.json").read_text())
    path.write_text(json.dumps({**values, "recall": {**values["recall"], "golgi": None}}))
    summary = next(s for s in summarise(root) if (s.variant, s.judgement) == ("signed", "test"))
    assert summary.recall["golgi"] == pytest.approx(100 * other["recall"]["golgi"])


def test_limited_specimens_leave_known_cells_to_judge(
    tmp_path: Path, synthetic_project: Path
) -> None:
    text = TOML.split("[[variants]]")[0].replace("folds = 2", "folds = 2\ncells_per_specimen = 2")
    (tmp_path / "limited.toml").write_text(text.replace('test = ["test"]\n', ""))
    experiment = read_experiment(tmp_path / "limited.toml")
    root = run_experiment(experiment, Project.open(synthetic_project), tmp_path)
    about = json.loads((root / "main" / "seed-0" / "fold-0" / "about.json").read_text())
    assert about["n_train"] == 12
    assert {s.judgement for s in summarise(root)} == {"unseen", "known"}


def test_initial_learning_comes_once_before_every_training(
    tmp_path: Path, synthetic_project: Path
) -> None:
    text = TOML.split("[[variants]]")[0].replace("seeds = [0, 1]", "seeds = [0]")
    text += """
[[variants]]
name = "synthetic-first"
initial = { synthetic_cells = 24, synthetic_specimens = 6, settings = { max_epochs = 1 } }

[[variants]]
name = "with-first"
mean_of = ["synthetic-first", "synthetic-first:first"]
"""
    (tmp_path / "small.toml").write_text(text)
    experiment = read_experiment(tmp_path / "small.toml")
    root = run_experiment(experiment, Project.open(synthetic_project), tmp_path, only="test")
    seed_dir = root / "synthetic-first" / "seed-0"
    assert json.loads((seed_dir / "initial" / "about.json").read_text())["n_train"] == 24
    assert not list(seed_dir.glob("fold-*"))
    first, later, mean = (
        pq.read_table(folder / "predictions-test.parquet").sort_by("cell_id")
        for folder in (
            seed_dir / "initial",
            seed_dir / "all",
            root / "with-first" / "seed-0" / "all",
        )
    )
    expected = (first["p_golgi"].to_numpy() + later["p_golgi"].to_numpy()) / 2
    assert mean["p_golgi"].to_numpy() == pytest.approx(expected, abs=1e-6)
    # It has met none of the target cells, so all of them are unseen.
    unseen = pq.read_table(seed_dir / "initial" / "predictions-unseen.parquet")["cell_id"]
    assert len(unseen) == 72
    rows = [(s.variant, s.judgement) for s in summarise(root)]
    assert rows == [
        ("synthetic-first:first", "unseen"),
        ("synthetic-first:first", "test"),
        ("synthetic-first", "test"),
        ("with-first", "test"),
    ]
    again = seed_dir / "initial" / "evaluation-test.json"
    again.unlink()
    run_experiment(experiment, Project.open(synthetic_project), tmp_path, only="test")
    assert again.exists()


def test_what_learns_at_once_learns_the_first_cells_beside_the_others(
    tmp_path: Path, synthetic_project: Path
) -> None:
    text = TOML.split("[[variants]]")[0].replace("seeds = [0, 1]", "seeds = [0]")
    text += """
network = "texture-svm"
augmentation = { rotation = "none", flips = false }

[[variants]]
name = "alone"

[[variants]]
name = "beside"
settings.rehearsal = 0.5
initial = { synthetic_cells = 24, synthetic_specimens = 6 }
"""
    (tmp_path / "small.toml").write_text(text)
    experiment = read_experiment(tmp_path / "small.toml")
    root = run_experiment(experiment, Project.open(synthetic_project), tmp_path, only="test")
    runs = [root / name / "seed-0" / "all" for name in ("alone", "beside")]
    about = [json.loads((run / "about.json").read_text()) for run in runs]
    assert [each["n_rehearsed"] for each in about] == [0, 24]
    tables = [pq.read_table(run / "predictions-test.parquet") for run in runs]
    assert not tables[0]["probability"].equals(tables[1]["probability"])
    # There is nothing to start from: only the cells are of use.
    assert not (runs[1].parent / "initial").exists()


def test_a_variant_that_is_not_there_is_named(tmp_path: Path, synthetic_project: Path) -> None:
    (tmp_path / "small.toml").write_text(TOML)
    experiment = read_experiment(tmp_path / "small.toml")
    with pytest.raises(SettingsError, match="no variant 'other'"):
        run_experiment(experiment, Project.open(synthetic_project), tmp_path, variants=["other"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("seeds", "seed"), "seed"),
        (
            ("seeds = [0, 1]", "seeds = [-1]"),
            r"wrong.toml: seeds\.0: .* greater than or equal to 0",
        ),
        (("fold_seeds = [0]", "fold_seeds = [-1]"), r"fold_seeds\.0: "),
        (("fold_seeds = [0]", "fold_seed = -1"), "fold_seed: "),
        (("folds = 2", "folds = -2"), "folds"),
        (('details = "signed"', 'details = "sum"'), "variant signed: inputs.details"),
        (('"best"', '"good"'), "no preset 'good'"),
        (('"small"', "small"), "not valid TOML"),
        (('["signed", "magnitude"]', '["signed", "other"]'), "no trained variant 'other'"),
        (("mean_of", "settings.views = 8\nmean_of"), "leave out settings"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(
    tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(TOML.replace(*change, 1))
    with pytest.raises(SettingsError, match=fault):
        read_experiment(file)


def test_a_directory_without_runs_is_named(tmp_path: Path) -> None:
    with pytest.raises(CellqueryError, match="holds no experiment"):
        summarise(tmp_path)


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "experiments").glob("*.toml")), ids=lambda p: p.name
)
def test_every_published_configuration_is_valid(file: Path) -> None:
    described = read_case_study(file) if is_case_study(file) else read_experiment(file)
    assert described.name == file.stem


@pytest.mark.parametrize("name", ["i3a-ablation", "i3a-best", *PUBLISHED])
def test_published_tables_are_those_of_the_committed_results(
    name: str, repository: Path, tmp_path: Path
) -> None:
    page = tmp_path / "results.md"
    published = (repository / "docs" / "results.md").read_text()
    page.write_text(published)
    place_table(page, name, results_table(repository / "results" / name))
    assert page.read_text() == published
