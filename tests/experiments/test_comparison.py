from __future__ import annotations

import json
import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellquery.cli.app import app
from cellquery.core import CellqueryError, ProjectError, SettingsError
from cellquery.data import Project
from cellquery.experiments import (
    Experiment,
    compare,
    comparison_table,
    read_experiment,
    run_experiment,
)
from cellquery.models import NETWORKS

SMALL = {
    "preset": "best",
    "split": "random",
    "train": ("train",),
    "test": ("test",),
    "folds": 2,
    "fold_seeds": (0,),
}


def small(name: str, network: str, side_px: int, **rest: object) -> Experiment:
    settings = {
        "network": network,
        "max_epochs": 1,
        "views": 1,
        "inputs": {"side_px": side_px, "mask": "ignore"},
    }
    return Experiment(**{**SMALL, "name": name, "settings": settings, **rest})  # type: ignore[arg-type]


OURS = small("ours", "parallel", 16, published=94.79, seeds=(0, 1))
LENET = small("lenet", "lenet5", 78, published=88.75)
WAITING = small("waiting", "vgg16", 32, published=92.89)
EXTRA = small("extra", "four-branch", 16)


def in_folder(folder: Path, experiments: list[Experiment]) -> list[tuple[Experiment, Path]]:
    return [(experiment, folder / experiment.name) for experiment in experiments]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, synthetic_project: Path) -> Path:
    runs = tmp_path_factory.mktemp("comparison")
    for experiment in (OURS, LENET):
        run_experiment(experiment, Project.open(synthetic_project), runs, accelerator="cpu")
    return runs


def test_rows_stand_as_published_and_name_what_was_not_run(runs: Path) -> None:
    methods = compare(in_folder(runs, [EXTRA, WAITING, OURS, LENET]))
    assert [method.published for method in methods] == [88.75, 92.89, 94.79, None]
    lines = comparison_table(methods).splitlines()
    assert lines[3].startswith("| VGG-16 (Phan et al. 2016) | 92.89 | not run: needs weights | - |")
    assert lines[5].startswith(
        "| Four parallel residual networks (Vununu et al. 2019) | - | not run"
    )
    assert re.search(r"\| 94\.79 \| [\d.]+ ± [\d.]+ \|", lines[4])
    assert "hand-crafted features are computed outside it and are not counted" in lines[7]


def test_a_row_has_scores_and_costs_of_its_runs(runs: Path) -> None:
    (method,) = compare(in_folder(runs, [OURS]))
    scores = [
        100 * json.loads(path.read_text())["mca"]
        for path in sorted(runs.glob("ours/main/seed-*/all/evaluation-test.json"))
    ]
    assert method.judged["test"].mca == tuple(scores)
    assert method.judged["unseen"].n_seeds == 1
    assert method.n_parameters == 391_750
    # A fifth of the side of 80 px, but for the last layer.
    assert method.multiply_adds == (50_893_568 - 128 * 6) / 25 + 128 * 6
    assert method.seconds is not None
    assert method.cells_per_second is not None
    assert method.peak_memory_mb is None or method.peak_memory_mb > 100


def test_what_beats_the_parallel_network_is_named_by_how_much(runs: Path, tmp_path: Path) -> None:
    """The same run directories with scores written into them."""
    for name, share in (("ours", 0.9), ("lenet", 0.95)):
        for path in runs.glob(f"{name}/**/evaluation-*.json"):
            record = json.loads(path.read_text())
            copy = tmp_path / path.relative_to(runs)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(json.dumps({**record, "aca": share, "mca": 0.9}))
            about = path.parent / "about.json"
            if about.exists():
                (copy.parent / "about.json").write_text(about.read_text())
        (tmp_path / name / "experiment.json").write_text(
            (runs / name / "experiment.json").read_text()
        )
    table = comparison_table(compare(in_folder(tmp_path, [OURS, LENET])))
    ours = "Parallel residual networks (Vununu et al. 2021)"
    lenet = "LeNet-5-like network (Gao et al. 2017) by 5.00 (one seed)"
    for judged in ("test, known sera", "unseen specimens"):
        said = f"On {judged}, {ours}: ACA 90.00, **better are {lenet} points**; MCA 90.00, no comp"
        assert said in table
    assert re.search(r"\nTrained on .+, \d+ threads?, torch .+\.\n", table)


def test_what_ran_from_random_weights_is_marked_whatever_the_file_says(
    runs: Path, tmp_path: Path
) -> None:
    """The run directories of a network with weights, without the minutes that it takes."""
    shutil.copytree(runs / "lenet", tmp_path / "waiting")
    for path in (tmp_path / "waiting").glob("main/seed-*/*/settings.json"):
        kept = json.loads(path.read_text())
        path.write_text(json.dumps({**kept, "network": "vgg16", "options": {"weights": "random"}}))
    (method,) = compare(in_folder(tmp_path, [WAITING]))
    assert WAITING.settings_of(WAITING.variants[0]).options["weights"] == "imagenet"
    assert "| VGG-16 (Phan et al. 2016) (**random weights**) |" in comparison_table([method])


def test_the_report_on_experiments_is_table_3_as_a_page(runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = ["report", *(str(runs / name) for name in ("ours", "lenet")), "--out", str(page)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "| LeNet-5-like network (Gao et al. 2017) | 88.75 |" in done.output
    text = page.read_text()
    assert "LeNet-5-like network (Gao et al. 2017)</th>" in text
    assert "Synthetic cells." in text
    assert "On test, known sera, Parallel residual networks (Vununu et al. 2021): ACA" in text
    assert (
        "<svg"
        in b64decode(text.partition("data:image/svg+xml;base64,")[2].partition('"')[0]).decode()
    )


def test_a_report_on_an_experiment_and_something_else_is_one_line(
    runs: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["report", str(runs / "ours"), str(tmp_path)])
    assert isinstance(done.exception, ProjectError)
    assert done.exception.fault == "holds no experiment"


def test_a_damaged_record_of_an_experiment_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text("{")
    for command in (["report", str(tmp_path)], ["experiment", "table", str(tmp_path)]):
        done = CliRunner().invoke(app, command)
        assert isinstance(done.exception, SettingsError)
        assert str(tmp_path / "experiment.json") in str(done.exception)


def test_a_comparison_of_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no study has results"):
        comparison_table(compare(in_folder(tmp_path, [OURS])))


def test_every_row_of_table_3_is_an_experiment(repository: Path) -> None:
    files = sorted((repository / "experiments").glob("table3-*.toml"))
    experiments = [read_experiment(file) for file in files]
    assert [f"{each.name}.toml" for each in experiments] == [file.name for file in files]
    published = {each.published for each in experiments}
    assert {88.75, 90.23, 91.57, 92.41, 92.89, 94.15, 94.36, 94.79, 95.94, 96.33} <= published
    networks = {each.settings_of(each.variants[0]).network for each in experiments}
    assert networks <= set(NETWORKS)
    for each in experiments:
        assert (each.train, each.test, each.folds) == (("pool",), ("test",), 5)
        settings = each.settings_of(each.variants[0])
        assert settings.inputs.normalisation == "per-image"
        turned = settings.augmentation.rotation == "steps-of-18"
        assert turned == (settings.network in ("lenet5", "vgg16-small"))


def test_a_row_whose_weights_cannot_be_had_stops_at_once(
    synthetic_project: Path, tmp_path: Path
) -> None:
    options = {"weights": "absent.pth", "sha256": "0" * 64}
    settings = {**WAITING.settings, "network": "alexnet", "options": options}
    settings["inputs"] = {"side_px": 64, "mask": "ignore"}
    experiment = WAITING.model_copy(update={"settings": settings})
    with pytest.raises(CellqueryError, match=r"absent\.pth: cannot be read"):
        run_experiment(experiment, Project.open(synthetic_project), tmp_path)
