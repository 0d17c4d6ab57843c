"""Train, evaluate, predict and experiment as a user types them."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cellquery.cli.app import app
from cellquery.core import RESEARCH_USE_ONLY, SIX_PATTERNS
from cellquery.data import Project
from cellquery.models import Classifier
from cellquery.wavelets import InputSettings

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
    assert re.search(r"^  recall nuclear_membrane +\d+\.\d\d %", result.stdout, re.MULTILINE)
    assert RESEARCH_USE_ONLY in result.stdout
    record = json.loads((run / "evaluation-random.json").read_text())
    assert record["n_cells"] == 24
    assert list(run.glob("*.png")) or list(run.glob("*.svg"))
    assert "in the training" not in result.stdout


def test_a_run_is_not_continued_with_other_cells(
    cli: Cli, run: Path, synthetic_project: Path, settings: Path, tmp_path: Path
) -> None:
    command = ["train", synthetic_project, "--into", run, "--settings", settings, "--epochs", "2"]
    others = cli(*command, "--split", "random", "--part", "test")
    assert others.returncode == 1
    assert "holds a training with other cells" in others.stderr
    weights = tmp_path / "model.safetensors"
    shutil.copy(run / "model.safetensors", weights)
    started = cli(*command, "--split", "random", "--initial", weights)
    assert started.returncode == 1
    assert "holds a training with other initial network" in started.stderr


def test_cells_learnt_before_or_beside_are_no_unseen_ones(
    cli: Cli, run: Path, synthetic_project: Path, settings: Path, tmp_path: Path
) -> None:
    command = ["train", synthetic_project, "--split", "random", "--part", "test"]
    for name, extra in (
        ("after", ["--initial", run / "model.safetensors"]),
        ("beside", ["--rehearse", synthetic_project]),
    ):
        into = tmp_path / name
        made = cli(*command, "--into", into, "--settings", settings, "--epochs", "1", *extra)
        assert made.returncode == 0, made.stderr
        judged = cli(
            *("evaluate", into, synthetic_project, "--split", "random", "--part", "train"),
            "--no-plots",
        )
        assert judged.stdout.startswith("note: 72 of 72 cells were in the training"), name


def test_a_judgement_on_cells_of_the_training_says_so(
    cli: Cli, run: Path, synthetic_project: Path
) -> None:
    result = cli("evaluate", run, synthetic_project, "--no-plots")
    assert result.stdout.startswith(
        "note: 72 of 96 cells were in the training: this is no measure of unseen cells\n"
        "96 cells, 12 specimens; "
    )


def test_cells_of_the_training_are_known_by_their_images_in_any_project(
    run: Path, synthetic_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their ids only where a run says no digests."""
    manifest = Project.open(synthetic_project).manifest()
    column = manifest.schema.get_field_index("digest")
    digests = manifest["digest"].to_pylist()

    def noted(run: Path, digests: list[str]) -> str:
        field = manifest.schema.field(column)
        other = manifest.set_column(column, field, [digests])
        monkeypatch.setattr(Project, "manifest", lambda project: other)
        arguments = ["evaluate", str(run), str(synthetic_project), "--no-plots"]
        return CliRunner().invoke(app, arguments).stdout.splitlines()[0]

    trained = pq.read_table(run / "training-cells.parquet")
    known = dict(zip(manifest["cell_id"].to_pylist(), digests, strict=True))
    assert trained["digest"].to_pylist() == [known[i] for i in trained["cell_id"].to_pylist()]
    # The same ids, other images; then the images of the training under other ids.
    assert noted(run, [f"{i}" for i in range(96)]).startswith("96 cells")
    assert json.loads((run / "evaluation-all.json").read_text())["n_in_training"] == 0
    learnt = trained["digest"].to_pylist()
    untaken = [digest for digest in digests if digest not in learnt]
    by_id = {i: learnt[0] if known[i] in untaken else f"{i}" for i in known}
    assert noted(run, list(by_id.values())).startswith("note: 24 of 96 cells were in the training")
    record = json.loads((run / "evaluation-all.json").read_text())
    assert (record["n_in_training"], record["project"]) == (24, "cells")
    # A run of an earlier version.
    earlier = shutil.copytree(run, tmp_path / "earlier")
    pq.write_table(trained.drop_columns(["digest"]), earlier / "training-cells.parquet")
    assert noted(earlier, [f"{i}" for i in range(96)]).startswith("note: 72 of 96 cells")


def test_an_evaluation_says_how_many_cells_have_no_specimen(
    run: Path, synthetic_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Project.open(synthetic_project).manifest()
    specimens = [None, *manifest["specimen"].to_pylist()[1:]]
    column = manifest.schema.get_field_index("specimen")
    without = manifest.set_column(column, manifest.schema.field(column), [specimens])
    monkeypatch.setattr(Project, "manifest", lambda project: without)
    done = CliRunner().invoke(app, ["evaluate", str(run), str(synthetic_project), "--no-plots"])
    assert "96 cells, 1 without a specimen; 95 % intervals by cell:" in done.output


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """A network that would be judged over eight views."""
    classifier = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=32), seed=0)
    classifier.provenance = {"settings": {"views": 8}}
    classifier.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_prediction_says_when_a_judgement_averages_more_views(
    untrained: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    command = ["predict", str(untrained), str(synthetic_project), "--out", str(tmp_path / "p.csv")]
    note = "note: 1 view of each cell: cellquery evaluate averages 8"
    assert note in CliRunner().invoke(app, command).output
    assert note not in CliRunner().invoke(app, [*command, "--views", "8"]).output


def test_prediction_takes_columns_and_a_layout_as_importing_does(
    untrained: Path, paint: Callable[..., Path], tmp_path: Path
) -> None:
    source, out = tmp_path / "table.csv", tmp_path / "p.csv"
    paint(tmp_path / "images" / "a.png")
    source.write_text("nummer,bild\n7,images/a.png\n")
    command = ["predict", str(untrained), str(source), "--out", str(out)]
    assert "with --path-column: nummer, bild" in str(CliRunner().invoke(app, command).exception)
    done = CliRunner().invoke(app, [*command, "--path-column", "bild", "--id-column", "nummer"])
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines()[1].startswith('"7",')
    command[2] = str(tmp_path / "images")
    done = CliRunner().invoke(app, [*command, "--layout", "folder"])
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines()[1].startswith('"a",')


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


def test_models_are_averaged_alike_whether_judged_or_predicted(
    cli: Cli, run: Path, synthetic_project: Path, settings: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    command = ["train", synthetic_project, "--split", "random", "--settings", settings]
    trained = cli(*command, "--epochs", "1", "--seed", "5", "--into", other)
    assert trained.returncode == 0, trained.stderr
    files = [tmp_path / name for name in ("first.csv", "second.csv", "both.csv")]
    for file, models in zip(files, ((run,), (other,), (run, "--with", other)), strict=True):
        made = cli("predict", models[0], synthetic_project, "--out", file, *models[1:])
        assert made.returncode == 0, made.stderr
    first, second, both = (
        {
            row["cell_id"]: float(row["p_golgi"])
            for row in csv.DictReader(file.read_text().splitlines())
        }
        for file in files
    )
    assert both == pytest.approx({cell: (first[cell] + second[cell]) / 2 for cell in first})
    split = ("--split", "random", "--views", "1", "--no-plots")
    judged = cli("evaluate", run, synthetic_project, *split, "--with", other)
    assert judged.returncode == 0, judged.stderr
    table = pq.read_table(run / "predictions-random-together.parquet")
    assert table["p_golgi"].to_pylist() == pytest.approx(
        [both[cell] for cell in table["cell_id"].to_pylist()], abs=1e-6
    )
    record = json.loads((run / "evaluation-random-together.json").read_text())
    assert record["models"] == [run.name, "other"]
    folder = cli("predict", run, synthetic_project, "--out", tmp_path / "new", "--with", other)
    assert folder.returncode == 1
    assert "--with" in folder.stderr


@pytest.mark.parametrize("network", ["parallel", "texture-svm"])
def test_cells_of_another_project_join_a_training(
    network: str, cli: Cli, synthetic_project: Path, tmp_path: Path
) -> None:
    more, settings = tmp_path / "more", tmp_path / "settings.toml"
    assert cli("synthesize", "--into", more, "--cells", "30", "--specimens", "6").returncode == 0
    turned = 'augmentation = { rotation = "none", flips = false }\n'
    settings.write_text(
        f'network = "{network}"\nmax_epochs = 1\nviews = 1\n{turned}[inputs]\nside_px = 16\n'
    )
    models = []
    for name, extra in (("alone", ()), ("joined", ("--rehearse", more))):
        command = ["train", synthetic_project, "--split", "random", "--settings", settings]
        trained = cli(*command, "--into", tmp_path / name, *extra)
        assert trained.returncode == 0, trained.stderr
        models.append((tmp_path / name / "model.safetensors").read_bytes())
    assert models[0] != models[1]
    about = json.loads((tmp_path / "joined" / "about.json").read_text())
    assert about["n_rehearsed"] == 30
    assert about["rehearsed"] == "more"
    kept = json.loads((tmp_path / "joined" / "settings.json").read_text())
    assert kept["rehearsal"] == 1.0


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
        (
            ["train", "PROJECT", "--preset", "paper-leak", "--epochs", "1", "--test", "test"],
            "name them with --split and --test",
        ),
        (["train", "PROJECT", "--settings", "."], "cannot be read (Is a directory)"),
        (["evaluate", "absent", "PROJECT"], "holds no model.safetensors"),
        (["evaluate", "FILE", "PROJECT"], "is a file; give the run directory that it is in"),
        (["predict", "absent.safetensors", "PROJECT"], "no such file"),
        (["predict", "FILE", "PROJECT", "--id-column", "id"], "--id-column: "),
        (["experiment", "run", "absent.toml", "--project", "PROJECT"], "no such file"),
        (["experiment", "table", "absent"], "holds no experiment"),
        (["experiment", "table", "RESULTS", "--into", "."], ".: Is a directory; mend that"),
        (["model", "--network", "good"], "no network 'good'; choose parallel, "),
        (["model", "--network", "lenet5"], "network 'lenet5' takes 78 alone"),
        (["model", "--network", "lenet5", "--shortcut", "projection"], "shortcut: "),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    cli: Cli,
    synthetic_project: Path,
    repository: Path,
    tmp_path: Path,
    arguments: list[str],
    fault: str,
) -> None:
    places = {
        "PROJECT": synthetic_project,
        "FILE": synthetic_project / "project.toml",
        "RESULTS": repository / "results" / "table3-texture",
    }
    named = [str(places.get(word, word)) for word in arguments]
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


@pytest.mark.parametrize(
    ("network", "counted"), [("texture-svm", False), ("fisher-svm", False), ("parallel", True)]
)
def test_model_says_where_features_are_not_counted(network: str, counted: bool) -> None:
    done = CliRunner().invoke(app, ["model", "--network", network])
    assert ("outside torch and are not counted" in done.output) != counted
