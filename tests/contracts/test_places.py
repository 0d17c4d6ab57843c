"""What projects and run directories promise on a disk, in memory and on an S3 server alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from cellquery.core import SIX_PATTERNS, ProjectError
from cellquery.core.durable import read_table
from cellquery.data import ImageStore, Project, import_cells, shards
from cellquery.data.prepare import prepare
from cellquery.data.selection import select
from cellquery.data.shard_cache import cache_folder
from cellquery.data.shards import ShardWriter, found_shards
from cellquery.data.splitting import SplitRequest, make_split
from cellquery.experiments import Experiment, results_table, run_experiment
from cellquery.experiments.config import Variant
from cellquery.models import Classifier
from cellquery.reports import write_page
from cellquery.reports.runs import read_run
from cellquery.reports.training_report import ReportedRun, training_report
from cellquery.training import TrainSettings
from cellquery.training.bulk import predict_source
from cellquery.training.evaluate import evaluate_cells, write_evaluation
from cellquery.training.run import train_run
from cellquery.wavelets import InputSettings

Place = Path | UPath

TINY = {"inputs": {"side_px": 16}, "max_epochs": 2, "min_steps": 0, "schedule": "constant"}
N_CELLS = 70
"""One batch of an import and a bit."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, paint: Callable[..., Path]) -> Path:
    """Images of two patterns in class folders."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(N_CELLS):
        pattern = ("golgi", "nucleolar")[number % 2]
        paint(folder / pattern / f"{number:02}.png", number, size=(16, 18))
    return folder


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_CELLS", 16)


@pytest.fixture
def imported(source: Path, root: Place) -> Project:
    project = Project.create(root / "cells")
    import_cells(source, project)
    return project


def fresh(project: Project) -> Project:
    """Open a project as another process would: from the words, with nothing copied yet."""
    for file in cache_folder().glob("*"):
        file.unlink()
    return Project.open(str(project.path))


def test_import_brings_what_it_brings_to_a_disk(
    imported: Project, source: Path, tmp_path: Path
) -> None:
    on_disk = Project.create(tmp_path / "local")
    import_cells(source, on_disk)
    opened = fresh(imported)
    assert opened.patterns == on_disk.patterns == ("nucleolar", "golgi")
    assert opened.manifest().equals(on_disk.manifest())
    assert read_table(opened.path / "manifest.parquet").num_rows == N_CELLS
    ours, theirs = opened.store(), on_disk.store()
    for cell_id in theirs.ids:
        np.testing.assert_array_equal(ours.pixels(cell_id), theirs.pixels(cell_id))
        assert ours.mask(cell_id) is None
    for one, other in zip(ours.shards, theirs.shards, strict=True):
        assert (one.name, one.sha256, one.n_cells) == (other.name, other.sha256, other.n_cells)


def test_interrupted_import_goes_on(root: Place, source: Path) -> None:
    project = Project.create(root / "cells")

    def interrupt(task: str, done: int, total: int | None = None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_cells(source, project, progress=interrupt)
    before = {shard.name: shard.version for shard in found_shards(project.path / "images")}
    assert len(before) == 4
    summary = import_cells(source, fresh(project))
    assert (summary.kept, summary.imported) == (64, N_CELLS - 64)
    after = {shard.name: shard.version for shard in found_shards(project.path / "images")}
    assert before.items() < after.items()
    assert len(fresh(project).store()) == N_CELLS


def test_one_shard_is_read_alone(imported: Project) -> None:
    project = fresh(imported)
    store: ImageStore = copy.copy(project.store())
    alone = [store.shard(shard.name) for shard in store.shards]
    assert alone[1].ids == store.ids[16:32]
    images = prepare(alone[1], alone[1].ids, InputSettings(side_px=16)).images
    whole = prepare(project.store(), store.ids[16:32], InputSettings(side_px=16)).images
    np.testing.assert_array_equal(images, whole)
    if not isinstance(project.path, Path):
        assert len(list(cache_folder().iterdir())) == 1
    assert [cell_id for one in alone for cell_id in one.ids] == store.ids


def test_training_judging_predicting_and_reporting(imported: Project, root: Place) -> None:
    make_split(imported, SplitRequest("cell", 0.2), "known")
    project = fresh(imported)
    cells = select(project, "known", ["train"])
    settings = TrainSettings.read(TINY, "tiny")
    prepared = prepare(project.store(), cells.ids, settings.inputs)

    def train(run: Place, stop_after: int | None = None) -> Classifier:
        def progress(task: str, done: int, total: int | None = None) -> None:
            if done == stop_after:
                raise KeyboardInterrupt

        names = list(cells.patterns)
        return train_run(
            run, prepared, names, project.patterns, settings, seed=0, progress=progress
        )

    whole = train(root / "runs" / "whole")
    # A batch an epoch: stopped in the second, it goes on from the first.
    with pytest.raises(KeyboardInterrupt):
        train(root / "runs" / "stopped", stop_after=2)
    assert (root / "runs" / "stopped" / "state.pt").exists()
    resumed = train(root / "runs" / "stopped")
    assert not (root / "runs" / "stopped" / "state.pt").exists()
    kept = Classifier.load(str(root / "runs" / "stopped" / "model.safetensors"))
    for name, weights in whole.network.state_dict().items():
        np.testing.assert_array_equal(weights, resumed.network.state_dict()[name])
        np.testing.assert_array_equal(weights, kept.network.state_dict()[name])

    run = root / "runs" / "whole"
    evaluation, predictions = evaluate_cells(kept, prepared, list(cells.patterns))
    write_evaluation(run, "known", evaluation, predictions, list(cells.patterns))
    read = read_run(str(run))
    assert [epoch["epoch"] for epoch in read.epochs] == [1, 2]
    assert read.evaluation("known").cells.ids.tolist() == cells.ids.tolist()
    page = write_page(root / "report.html", training_report([ReportedRun(read, project)]))
    assert "golgi" in page.read_text(encoding="utf-8")

    summary = predict_source(kept, project.path, root / "out.parquet")
    table = read_table(root / "out.parquet")
    assert summary.n_cells == table.num_rows == N_CELLS
    row = table["cell_id"].to_pylist().index(cells.ids[0])
    of_first = [table[f"p_{pattern}"][row].as_py() for pattern in kept.patterns]
    np.testing.assert_allclose(of_first, predictions.probabilities[0], atol=1e-5)


def test_experiment_is_run_once_and_told_as_a_table(imported: Project, root: Place) -> None:
    make_split(imported, SplitRequest("cell", 0.2), "known")
    experiment = Experiment(
        name="tiny",
        split="known",
        train=("train",),
        test=("test",),
        folds=0,
        seeds=(0,),
        settings=TINY,
        variants=(Variant(name="plain"),),
    )
    folder = run_experiment(experiment, imported, root / "runs")
    model = folder / "plain" / "seed-0" / "all" / "model.safetensors"
    first = model.read_bytes()
    assert "| plain | test" in results_table(folder)
    run_experiment(experiment, imported, root / "runs")
    assert model.read_bytes() == first


def test_missing_shard_is_missed_and_another_import_mends_it(
    imported: Project, source: Path
) -> None:
    lost = imported.path / "images" / "part-00004.arrow"
    lost.unlink()
    project = fresh(imported)
    with pytest.raises(ProjectError, match=r"part-00004\.arrow: missing shard; restore it or"):
        project.manifest()
    summary = import_cells(source, project)
    assert (summary.kept, summary.imported) == (64, N_CELLS - 64)
    assert len(fresh(imported).store()) == N_CELLS


@pytest.mark.parametrize("content", ["noise", "half"])
def test_corrupt_shard_is_named(imported: Project, content: str) -> None:
    damaged = imported.path / "images" / "part-00001.arrow"
    whole = damaged.read_bytes()
    noise = np.random.default_rng(0).bytes(len(whole))
    damaged.write_bytes(noise if content == "noise" else whole[: len(whole) // 2])
    store = fresh(imported).store()
    with pytest.raises(ProjectError, match=r"part-00001\.arrow: damaged shard \(.+\); delete it"):
        store.pixels(store.ids[20])


def test_shard_replaced_while_a_store_is_in_use_is_refused(imported: Project) -> None:
    store = fresh(imported).store()
    first, second = store.ids[0], store.ids[20]
    before = store.pixels(first).copy()
    sent = copy.copy(store)
    other = store.shards[2].path.read_bytes()
    store.shards[1].path.write_bytes(other)
    for each in (store, sent):
        with pytest.raises(ProjectError, match=r"part-00001\.arrow: .*changed while it was in"):
            each.pixels(second)
    np.testing.assert_array_equal(store.pixels(first), before)


def test_predictions_of_a_store_that_changed_do_not_appear(imported: Project, root: Place) -> None:
    project = fresh(imported)
    classifier = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=0)
    out = root / "out.csv"
    out.write_bytes(b"of yesterday")
    shard = found_shards(project.path / "images")[0].path

    def replace(task: str, done: int, total: int | None = None) -> None:
        shard.write_bytes((project.path / "images" / "part-00001.arrow").read_bytes())

    with pytest.raises(ProjectError, match=r"part-00000\.arrow: shard was changed"):
        predict_source(classifier, project.path, out, progress=replace)
    assert out.read_bytes() == b"of yesterday"


@pytest.mark.parametrize("root", ["memory", "s3"], indirect=True)
def test_of_two_imports_at_once_the_second_replaces_nothing(imported: Project) -> None:
    images = imported.path / "images"
    table = imported.store().shards[0].read(shards.STORE_SCHEMA.names).to_pylist()
    writers = ShardWriter(images), ShardWriter(images)
    for writer in writers:
        for cell in table[:3]:
            writer.add(cell)
    writers[0].flush()
    written = (images / "part-00005.arrow").read_bytes()
    with pytest.raises(ProjectError, match=r"part-00005\.arrow: was written by another at the"):
        writers[1].flush()
    assert (images / "part-00005.arrow").read_bytes() == written
