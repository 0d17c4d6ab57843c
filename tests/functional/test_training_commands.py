"""Train, evaluate, predict and experiment as a user types them."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import RESEARCH_USE_ONLY

Cli = Callable[..., subprocess.CompletedProcess[str]]

SETTINGS = "views = 1\nbatch_size = 32\n[inputs]\nside_px = 32\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("settings") / "small.toml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, cli: Cli, synthetic_project: Path, settings: Path
) -> Path:
    into = tmp_path_factory.mktemp("runs") / "first"
    result = cli(
        *("train", synthetic_project, "--split", "random", "--into", into),
        *("--settings", settings, "--epochs", "2"),
    )
    assert result.returncode == 0, result.stderr
    assert RESEARCH_USE_ONLY in result.stdout
    return into


def test_training_leaves_a_whole_run_directory(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"settings.json", "about.json", "epochs.jsonl", "model.safetensors"} <= names
    assert "state.pt" not in names
    about = json.loads((run / "about.json").read_text())
    assert about["n_train"] == 72
    assert about["n_epochs"] == 2


def test_training_again_changes_nothing_and_other_settings_are_refused(
    cli: Cli, run: Path, synthetic_project: Path, settings: Path
) -> None:
    before = (run / "model.safetensors").read_bytes()
    command = ["train", synthetic_project, "--split", "random", "--into", run]
    again = cli(*command, "--settings", settings, "--epochs", "2")
    assert again.returncode == 0
    assert (run / "model.safetensors").read_bytes() == before
    other = cli(*command, "--settings", settings, "--epochs", "3")
    assert other.returncode == 1
    assert "other settings" in other.stderr
    assert len(other.stderr.strip().splitlines()[-1]) < 300


def test_evaluation_prints_intervals_and_leaves_json_and_plots(
    cli: Cli, run: Path, synthetic_project: Path
) -> None:
    result = cli("evaluate", run, synthetic_project, "--split", "random")
    assert result.returncode == 0, result.stderr
    assert "MCA" in result.stdout
    assert "by specimen" in result.stdout
    assert RESEARCH_USE_ONLY in result.stdout
    record = json.loads((run / "evaluation-random.json").read_text())
    assert record["n_cells"] == 24
    assert list(run.glob("*.png")) or list(run.glob("*.svg"))


def test_prediction_names_every_cell(
    cli: Cli, run: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "predictions.csv"
    result = cli("predict", run, synthetic_project, "--out", out)
    assert result.returncode == 0, result.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 96
    assert {"cell_id", "predicted", "probability", "p_golgi"} <= set(rows[0])


def test_five_patterns_become_six_only_when_asked(
    cli: Cli, run: Path, tmp_path: Path, settings: Path
) -> None:
    made = cli(
        *("synthesize", "--into", tmp_path / "five", "--cells", "30", "--specimens", "5"),
        *("--patterns", "homogeneous,fine_speckled,coarse_speckled,nucleolar,centromere"),
    )
    assert made.returncode == 0, made.stderr
    command = [
        *("train", tmp_path / "five", "--initial", run / "model.safetensors", "--epochs", "1"),
        *("--settings", settings, "--into", tmp_path / "run"),
    ]
    refused = cli(*command)
    assert refused.returncode == 1
    assert "--new-head" in refused.stderr
    allowed = cli(*command, "--new-head", "--freeze-early")
    assert allowed.returncode == 0, allowed.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["train", "absent"], "absent: not a cellquery project"),
        (["train", "PROJECT", "--preset", "good"], "no preset 'good'"),
        (["train", "PROJECT", "--split", "absent"], "absent"),
        (["train", "PROJECT", "--preset", "paper-leak", "--epochs", "1"], "--test"),
        (["evaluate", "absent", "PROJECT"], "holds no model.safetensors"),
        (["predict", "absent.safetensors", "PROJECT"], "no such file"),
        (["experiment", "run", "absent.toml", "--project", "PROJECT"], "no such file"),
        (["experiment", "table", "absent"], "holds no experiment"),
        (["model", "--network", "good"], "no network 'good'; choose parallel, "),
        (["model", "--network", "lenet5"], "network 'lenet5' takes 78 alone"),
        (["model", "--network", "lenet5", "--shortcut", "projection"], "shortcut: "),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    cli: Cli, synthetic_project: Path, tmp_path: Path, arguments: list[str], fault: str
) -> None:
    named = [str(synthetic_project) if word == "PROJECT" else word for word in arguments]
    if "--epochs" in named:
        named += ["--into", str(tmp_path / "run")]
    result = cli(*named, cwd=tmp_path)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert fault in line
    assert "Traceback" not in result.stderr


def test_another_network_goes_through_the_same_commands(
    cli: Cli, synthetic_project: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "lenet.toml"
    settings.write_text(
        'network = "lenet5"\ninputs = { side_px = 78, mask = "ignore" }\nviews = 1\n'
    )
    run = tmp_path / "run"
    split = ["--split", "random"]
    trained = cli(
        "train", synthetic_project, "--into", run, *split, "--settings", settings, "--epochs", "1"
    )
    assert trained.returncode == 0, trained.stderr
    judged = cli("evaluate", run, synthetic_project, *split, "--no-plots")
    assert judged.returncode == 0, judged.stderr
    assert "ACA" in judged.stdout
    named = cli("predict", run, synthetic_project, "--out", tmp_path / "named.csv")
    assert named.returncode == 0, named.stderr
    assert len((tmp_path / "named.csv").read_text().splitlines()) == 97
    layers = cli("model", run / "model.safetensors")
    assert "LeNet-5-like network (Gao et al. 2017), on 78 x 78 px" in layers.stdout


def test_model_prints_the_layers_of_figure_5(cli: Cli) -> None:
    result = cli("model")
    assert "391,750 parameters" in result.stdout
    assert "14 x 14 x 128" in result.stdout
    assert "379,462 parameters" in cli("model", "--shortcut", "zero-padding").stdout
