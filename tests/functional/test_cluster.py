"""A real local Ray cluster of two cores: the same answers, whoever does the work."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from cellquery.campaign.selecting import select_cells
from cellquery.core import SIX_PATTERNS, Progress, ProjectError, SettingsError, cluster as clusters
from cellquery.core.cluster import Cluster, cluster
from cellquery.core.units import Engine, Unit
from cellquery.data import Project
from cellquery.experiments import CaseStudy, read_experiment, run_case_study, run_experiment
from cellquery.models import Classifier
from cellquery.training.pool_scores import score_project
from cellquery.wavelets import InputSettings
from tests.case_study import STUDY

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

TOML = """
name = "small"
seeds = [0]
split = "random"
train = ["train"]
test = ["test"]
folds = 2

[settings]
max_epochs = 1
views = 1
inputs.side_px = 16

[[variants]]
name = "plain"

[[variants]]
name = "synthetic-first"
initial = { synthetic_cells = 24, synthetic_specimens = 6, settings = { max_epochs = 1 } }
"""
OF_A_MOMENT = {
    "seconds",
    "cpu_seconds",
    "cells_per_second",
    "peak_memory_mb",
    "started",
    "finished",
    "time",
}


@pytest.fixture(scope="module")
def started_anew() -> Iterator[None]:
    """The environment that Ray reads when it is imported, and one thread, as its workers have."""
    before, threads = dict(os.environ), torch.get_num_threads()
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN="0" * 64,
        # Workers as urgent as this process: on a busy machine it would starve them.
        RAY_worker_niceness="0",
    )
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def two_cores(started_anew: None) -> Iterator[Cluster]:
    """A cluster of two worker processes."""
    ray = pytest.importorskip("ray")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        logging_level=logging.ERROR,
        configure_logging=False,
    )
    try:
        with cluster() as connected:
            yield connected
    finally:
        ray.shutdown()


@pytest.fixture(scope="module")
def network() -> Classifier:
    return Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=0)


def lasting(value: Any) -> Any:
    """What a JSON record says beside times and measurements."""
    if isinstance(value, dict):
        return {key: lasting(each) for key, each in value.items() if key not in OF_A_MOMENT}
    return [lasting(each) for each in value] if isinstance(value, list) else value


def assert_same_runs(one: Path, other: Path) -> None:
    files = {path.relative_to(one) for path in one.rglob("*.json") if "synthetic" not in str(path)}
    assert files
    assert files == {
        path.relative_to(other) for path in other.rglob("*.json") if "synthetic" not in str(path)
    }
    for file in files:
        first, second = (json.loads((root / file).read_text()) for root in (one, other))
        assert lasting(first) == lasting(second), file
    for path in one.rglob("predictions-*.parquet"):
        assert pq.read_table(path).equals(pq.read_table(other / path.relative_to(one)))


def test_without_ray_a_line_names_the_extra(
    in_repository: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module that cannot be found, before the one that is installed, in a process begun with it.
    (tmp_path / "ray.py").write_text("raise ModuleNotFoundError(\"No module\", name='ray')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / "scores").mkdir()
    command = ["select", tmp_path / "scores", "--n", "5", "--engine", "ray"]
    done = in_repository("-m", "cellquery", *command)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: packages: this needs ray, which is not installed; run: pip install 'cellquery[ray]'"
    )


def test_an_address_where_nothing_answers_is_one_line(
    started_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "ANSWERS_WITHIN_S", 5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            pytest.raises(SettingsError, match=f"--address {address}: no Ray cluster answers"),
            cluster(address),
        ):
            pass


def test_an_experiment_gives_the_same_records_on_a_cluster(
    two_cores: Cluster, synthetic_project: Path, tmp_path: Path
) -> None:
    (tmp_path / "small.toml").write_text(TOML)
    experiment, project = read_experiment(tmp_path / "small.toml"), Project.open(synthetic_project)
    here = run_experiment(experiment, project, tmp_path / "here")
    told: list[tuple[str, int, int | None]] = []
    there = run_experiment(
        experiment,
        project,
        tmp_path / "there",
        engine=two_cores.run,
        progress=lambda task, done, total=None: told.append((task, done, total)),
    )
    assert told[-1] == ("trainings", 7, 7)
    assert_same_runs(here, there)
    before = {path: path.stat().st_mtime_ns for path in there.rglob("model.safetensors")}
    run_experiment(experiment, project, tmp_path / "there", engine=two_cores.run)
    assert before == {path: path.stat().st_mtime_ns for path in there.rglob("model.safetensors")}


def test_a_case_study_gives_the_same_records_on_a_cluster(
    two_cores: Cluster, case_project: Project, tmp_path: Path
) -> None:
    study = CaseStudy(**{**STUDY, "seeds": [0], "budgets": [0.1], "cases": ["IN-AL", "RS"]})
    here = run_case_study(study, case_project, tmp_path / "here")
    there = run_case_study(study, case_project, tmp_path / "there", engine=two_cores.run)
    assert (there / "initial" / "seed-0" / "model.safetensors").exists()
    assert_same_runs(here, there)


def _lost_halfway(marker: Path, work: Callable[[Progress], object], progress: Progress) -> None:
    """Do a unit whose worker is killed in the middle of its first training, once."""

    def watch(task: str, done: int, total: int | None = None) -> None:
        if task == "training" and 2 * done > (total or 0) and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    work(watch)


def _losing(two_cores: Cluster, markers: Path) -> Engine:
    """Return an engine that loses the worker of each unit once."""
    markers.mkdir()

    def run(units: Sequence[Unit], task: str, progress: Progress) -> None:
        lossy = [
            replace(unit, work=partial(_lost_halfway, markers / str(number), unit.work))
            for number, unit in enumerate(units)
        ]
        two_cores.run(lossy, task, progress)

    return run


def test_trainings_whose_workers_are_killed_halfway_end_the_same(
    two_cores: Cluster, synthetic_project: Path, tmp_path: Path
) -> None:
    (tmp_path / "small.toml").write_text(TOML.replace("max_epochs = 1", "max_epochs = 4"))
    experiment, project = read_experiment(tmp_path / "small.toml"), Project.open(synthetic_project)
    experiment = experiment.model_copy(update={"variants": experiment.variants[-1:]})
    here = run_experiment(experiment, project, tmp_path / "here")
    lossy = _losing(two_cores, tmp_path / "markers")
    there = run_experiment(experiment, project, tmp_path / "there", engine=lossy)
    assert len(list((tmp_path / "markers").iterdir())) == 4
    assert_same_runs(here, there)


def test_campaigns_whose_workers_are_killed_in_a_training_end_the_same(
    two_cores: Cluster, case_project: Project, tmp_path: Path
) -> None:
    study = CaseStudy(**{**STUDY, "seeds": [0], "budgets": [0.1], "cases": ["AL"]})
    here = run_case_study(study, case_project, tmp_path / "here")
    lossy = _losing(two_cores, tmp_path / "markers")
    there = run_case_study(study, case_project, tmp_path / "there", engine=lossy)
    assert len(list((tmp_path / "markers").iterdir())) == 1
    assert_same_runs(here, there)


def _killed_once(marker: Path, answer: Path, progress: Progress) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    answer.write_text("done")


def _killed(progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _refused(progress: Progress) -> None:
    raise SettingsError("a setting", "is wrong", "mend it")


def _noted(path: Path, before: Path | None, progress: Progress) -> None:
    assert before is None or before.exists()
    path.write_text("done")


def test_a_unit_whose_worker_is_killed_is_done_by_another(
    two_cores: Cluster, tmp_path: Path
) -> None:
    work = partial(_killed_once, tmp_path / "marker", tmp_path / "answer")
    two_cores.run([Unit("unit", work)], "units", lambda *_: None)
    assert (tmp_path / "answer").read_text() == "done"


def test_a_failing_unit_is_named_and_the_others_are_done(
    two_cores: Cluster, tmp_path: Path
) -> None:
    units = [
        Unit("wrong", _refused),
        Unit("after it", partial(_noted, tmp_path / "never", None), ("wrong",)),
        Unit("first", partial(_noted, tmp_path / "first", None)),
        Unit("second", partial(_noted, tmp_path / "second", tmp_path / "first"), ("first",)),
    ]
    with pytest.raises(SettingsError, match=r"^a setting: is wrong \[wrong\]; mend it$"):
        two_cores.run(units, "units", lambda *_: None)
    assert (tmp_path / "second").exists()
    assert not (tmp_path / "never").exists()


def test_a_unit_that_kills_every_worker_is_named(
    two_cores: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "RETRIES", 1)
    with pytest.raises(ProjectError, match=r"^seed-3/all: its worker was lost 2 times"):
        two_cores.run([Unit("seed-3/all", _killed)], "units", lambda *_: None)


@dataclass(frozen=True)
class _Dangerous(Cluster):
    """A cluster that loses the worker of the second item, once, in the middle of it."""

    log: Path = Path()

    def map(
        self, function: Callable[[str], dict[str, Any]], items: Sequence[str], task: str
    ) -> Iterator[dict[str, Any]]:
        return super().map(partial(_dangerously, self.log, function), items, task)


def _dangerously(log: Path, function: Callable[[str], dict[str, Any]], item: str) -> dict[str, Any]:
    begun = len(list(log.glob(f"{item}-*")))
    (log / f"{item}-{begun}").touch()
    if "00001" in item and not begun:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(item)


def test_scores_and_choices_are_the_same_on_a_cluster_that_loses_a_worker(
    two_cores: Cluster, sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    summary = score_project(network, sharded, here, embeddings=True)
    (tmp_path / "log").mkdir()
    lossy = _Dangerous(log=tmp_path / "log")
    also = score_project(network, sharded, there, embeddings=True, cluster=lossy)
    assert also.n_cells == summary.n_cells == 40
    assert also.n_predicted == summary.n_predicted
    begun = Counter(path.name.rsplit("-", 1)[0] for path in (tmp_path / "log").iterdir())
    assert sorted(begun.values()) == [1, 1, 1, 2], "what a lost worker had in hand, and no more"
    parts = sorted(path.name for path in here.glob("part-*.parquet"))
    assert len(parts) == 4
    for part in parts:
        assert pq.read_table(here / part).equals(pq.read_table(there / part))
    for strategy, options in (("margin", {"random_share": 0.25}), ("core-set", {})):
        one = select_cells([here], strategy, 7, options=options, seed=5)
        other = select_cells([there], strategy, 7, options=options, seed=5, cluster=two_cores)
        assert one.ids.tolist() == other.ids.tolist()
        assert one.utilities.tolist() == other.utilities.tolist()


def test_a_command_spreads_its_work_over_the_cluster_at_an_address(
    two_cores: Cluster, cli: Cli, sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    network.save(tmp_path / "model.safetensors")
    address = pytest.importorskip("ray").get_runtime_context().gcs_address
    arguments = ("predict", tmp_path / "model.safetensors", sharded.path)
    scores, engine = tmp_path / "scores", ("--engine", "ray", "--address", address)
    done = cli(*arguments, "--out", scores, *engine)
    assert done.returncode == 0, done.stderr
    assert "40 cells" in done.stdout
    assert len(list(scores.glob("part-*.parquet"))) == 4


def test_more_cores_a_task_than_any_machine_has_are_refused(two_cores: Cluster) -> None:
    with (
        pytest.raises(SettingsError, match=r"--cpus-per-task 3: no machine .* more than 2 CPU"),
        cluster(cpus=3),
    ):
        pass
