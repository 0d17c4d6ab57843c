"""Run an experiment: every variant, seed and fold in a run directory of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cellquery.campaign import Judged
from cellquery.core import Progress, SettingsError, TrainingError, generator, silent
from cellquery.core.durable import make_folder, read_table, write_json
from cellquery.core.places import Place
from cellquery.core.units import Engine, Unit, one_after_another
from cellquery.core.validation import difference
from cellquery.data import Project, specimen_folds
from cellquery.data.learnt import cell_rows, digests_of, labels_of
from cellquery.data.prepare import PreparedCells, inputs_for, prepare
from cellquery.data.selection import Selection, select
from cellquery.experiments.config import Experiment, Variant, experiment_of
from cellquery.experiments.initial import (
    check_unseen,
    first_cells,
    judge_first,
    learn_first,
    to_start_from,
)
from cellquery.experiments.table import FIRST
from cellquery.models import Classifier, multiply_adds, network_kind
from cellquery.training import LabelledCells, Predictions, TrainSettings
from cellquery.training.evaluate import (
    evaluate_cells,
    judged,
    predictions_of,
    write_evaluation,
)
from cellquery.training.predict import averaged
from cellquery.training.run import check_same, train_run

KNOWN_PER_SPECIMEN = 6

_UNMET = ("test", "unseen")
"""Judgements of cells that an initial learning has not met: those on which it is judged itself."""


def run_experiment(
    experiment: Experiment,
    project: Project,
    into: Place,
    *,
    only: str | None = None,
    variants: Sequence[str] = (),
    accelerator: str = "auto",
    engine: Engine = one_after_another,
    progress: Progress = silent,
) -> Place:
    """Run what is not yet done of an experiment and return its directory.

    Each training has a directory ``VARIANT/seed-S/all`` or ``VARIANT/seed-S/fold-F``; finished
    ones are kept, an unfinished one goes on from its last epoch. The folds' predictions are put
    together: ``VARIANT/seed-S/evaluation-unseen.json`` judges every cell of ``train`` by the
    network that never saw its specimen. What averages others is judged where all of them are.

    Parameters
    ----------
    experiment : Experiment
    project : Project
    into : Path or UPath
        Where the directory named after the experiment is made.
    only : {"test", "folds"} or None
        Do this half of the work, so that two processes can share an experiment.
    variants : sequence of str
        Run these alone; empty runs all.
    accelerator : str
    engine : Engine
        Does the trainings, each after the initial learning of its variant and seed.
    progress : Progress

    Raises
    ------
    SettingsError
        When there is no such variant, or the directory holds runs of other parts or folds.
    TrainingError
        When it holds runs of other settings, cells or labels.
    """
    root = into.resolve() / experiment.name
    make_folder(root)
    decided = _same_cells(root, experiment)
    unknown = set(variants) - {variant.name for variant in experiment.variants}
    if unknown:
        raise SettingsError(
            experiment.name,
            f"has no variant '{sorted(unknown)[0]}'",
            f"choose from {', '.join(variant.name for variant in experiment.variants)}",
        )
    chosen = [each for each in experiment.variants if not variants or each.name in variants]
    if experiment.folds and only != "test":
        judged = select(project, experiment.split, experiment.train)
        for variant in chosen:
            if variant.initial:
                check_unseen(variant.initial, project, experiment.split, judged, experiment.name)
    asked = experiment.model_dump_json()
    units: list[Unit] = []
    for variant in chosen:
        if variant.mean_of:
            continue
        common = partial(_common, asked, variant.name, project.path.resolve(), root, accelerator)
        for task in common().tasks:
            if only is not None and (only == "test") != (task.run.name == "all"):
                continue
            first = task.run.parent / "initial"
            common().check_same(task)
            waiting = not all(_is_judged(task.run, name) for name, _ in task.judged)
            after: tuple[str, ...] = ()
            if variant.initial is not None and (waiting or common().lacks(first)):
                after = (f"{variant.name}/seed-{task.seed}/initial",)
                if not any(unit.name == after[0] for unit in units):
                    units.append(Unit(after[0], partial(_learn, common, task.seed)))
            if not waiting:
                continue
            name = f"{variant.name}/seed-{task.seed}/{task.run.name}"
            units.append(Unit(name, partial(_train, common, task.run), after))
    write_json(root / "experiment.json", experiment.model_dump())
    write_json(root / "cells.json", decided)
    try:
        engine(units, "trainings", progress)
    finally:
        _common.cache_clear()
    for variant in chosen:
        for seed in _fold_seeds(experiment) if experiment.folds else ():
            _pool_folds(root / variant.name / f"seed-{seed}", experiment.folds, project.patterns)
    for variant in chosen:
        if variant.mean_of:
            for seed in dict.fromkeys((*experiment.seeds, *_fold_seeds(experiment))):
                _average(root, variant, seed, project.patterns)
    return root


def _is_judged(run: Place, name: str) -> bool:
    return (run / f"evaluation-{name}.json").exists()


def _same_cells(root: Place, experiment: Experiment) -> dict[str, Any]:
    """Return what decides the cells of all runs there, these included.

    Refuses to go on with runs of other cells: finished ones would pass for those asked for.
    """
    now, path = _decides(experiment), root / "cells.json"
    if not any(root.glob("*/seed-*/*/settings.json")):
        return now
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
    elif (root / "experiment.json").exists():
        kept = _decides(experiment_of(root))
    else:
        return now
    together = _beside(now, kept)
    if unlike := difference(_beside(kept, now), together):
        raise SettingsError(
            root, f"holds runs with {unlike}", "choose another directory or delete it"
        )
    return together


def _beside(these: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return what decides cells, with others beside: parts and variants may come and go."""
    judged = {key: these[key] or others[key] for key in ("test", "folds")}
    return {**these, **judged, "initial": {**others["initial"], **these["initial"]}}


def _decides(experiment: Experiment) -> dict[str, Any]:
    """Return what decides which cells are learnt and judged, beside the seed."""
    keys = ("split", "train", "test", "folds", "cells_per_specimen", "judged_per_specimen")
    values = experiment.model_dump(mode="json", include={*keys, "fold_seed"})
    values["initial"] = {
        variant.name: variant.initial
        and variant.initial.model_dump(mode="json", exclude={"settings"})
        for variant in experiment.variants
    }
    return values


@dataclass(frozen=True)
class _Task:
    """One training and what it is judged on: (name of the judgement, rows)."""

    run: Place
    seed: int
    train: NDArray[np.int64]
    judged: tuple[tuple[str, NDArray[np.int64]], ...]


@dataclass(eq=False)
class _Common:
    """What the trainings of a variant have in common, made when it is first asked for."""

    experiment: Experiment
    variant: Variant
    project: Project
    root: Place
    accelerator: str
    _prepared: PreparedCells | None = None
    _first: dict[int, tuple[Classifier | None, LabelledCells]] = field(default_factory=dict)

    @cached_property
    def settings(self) -> TrainSettings:
        return self._on_cells(self.experiment.settings_of(self.variant))

    @cached_property
    def initial_settings(self) -> TrainSettings:
        return self._on_cells(self.experiment.initial_settings_of(self.variant))

    def _on_cells(self, settings: TrainSettings) -> TrainSettings:
        inputs = inputs_for(self.project, settings.inputs)
        return settings.model_copy(update={"inputs": inputs})

    @cached_property
    def cells(self) -> Selection:
        parts = [*self.experiment.train, *self.experiment.test]
        return select(self.project, self.experiment.split, parts)

    @cached_property
    def digests(self) -> dict[str, str]:
        return digests_of(self.project)

    @cached_property
    def tasks(self) -> list[_Task]:
        train = select(self.project, self.experiment.split, self.experiment.train).ids
        in_train = np.isin(self.cells.ids, train)
        return list(_tasks(self.experiment, self.variant, self.cells, in_train, self.root))

    def check_same(self, task: _Task) -> None:
        """Refuse what was trained otherwise or on others: it would pass for what is asked for."""
        first = task.run.parent / "initial"
        for run, settings in ((task.run, self.settings), (first, self.initial_settings)):
            if (run / "settings.json").exists():
                check_same(run, settings, task.seed)
        self._check_cells(task, "training-cells", task.train, "holds a training of other cells")
        for name, rows in task.judged:
            self._check_cells(task, f"predictions-{name}", rows, "was judged on other cells")

    def _check_cells(self, task: _Task, name: str, rows: NDArray[np.int64], fault: str) -> None:
        """Refuse a table of other cells or labels; committed results have none."""
        kept = cell_rows(task.run / f"{name}.parquet")
        if kept is None:
            return
        asked = self.cells.rows(rows)
        if labels_of(kept) != dict(zip(asked.ids.tolist(), asked.patterns.tolist(), strict=True)):
            raise TrainingError(
                task.run, f"{fault} or labels", "choose another directory or delete it"
            )

    @property
    def about(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment.name,
            "synthetic": self.project.is_synthetic,
            "variant": self.variant.name,
        }

    def prepared(self, progress: Progress) -> PreparedCells:
        if self._prepared is None:
            store, inputs = self.project.store(), self.settings.inputs
            self._prepared = prepare(store, self.cells.ids, inputs, progress=progress)
        return self._prepared

    @property
    def starts_from_weights(self) -> bool:
        """Whether an initial learning leads to a network: what learns at once takes cells alone."""
        return not network_kind(self.settings.network).learns_at_once

    def lacks(self, first: Place) -> bool:
        """Whether the network of an initial learning is still to be judged."""
        names = {name for task in self.tasks for name, _ in task.judged} & set(_UNMET)
        return self.starts_from_weights and not all(_is_judged(first, name) for name in names)

    def unmet(self, progress: Progress) -> list[Judged]:
        """Return all cells that any task judges: no initial learning has met one of them."""
        rows: dict[str, list[NDArray[np.int64]]] = {}
        for task in self.tasks:
            for name, some in task.judged:
                rows.setdefault(name, []).append(some)
        parts = []
        for name in _UNMET:
            if name in rows:
                chosen = np.unique(np.concatenate(rows[name]))
                part, cells = self.cells.rows(chosen), self.prepared(progress).rows(chosen)
                parts.append(Judged.of(name, cells, part))
        return parts

    def first(self, seed: int, progress: Progress) -> tuple[Classifier | None, LabelledCells]:
        """Return the network after the initial learning of a seed, and what that learnt.

        What learns at once starts from nothing: it learns these cells beside the labelled ones.
        """
        assert self.variant.initial is not None
        if seed not in self._first:
            of = (
                self.variant.initial,
                self.experiment.initial_settings_of(self.variant),
                self.project,
                self.experiment.split,
            )
            if not self.starts_from_weights:
                cells, _ = first_cells(*of, synthetic=self.root, progress=progress)
                self._first = {seed: (None, cells)}
            else:
                learnt = learn_first(
                    *of,
                    self.root / self.variant.name / f"seed-{seed}" / "initial",
                    seed=seed,
                    synthetic=self.root,
                    about=self.about,
                    accelerator=self.accelerator,
                    progress=progress,
                )
                self._first = {seed: learnt}
        return self._first[seed]


@lru_cache(maxsize=1)
def _common(asked: str, variant: str, project: Place, root: Place, accelerator: str) -> _Common:
    """Return what this process has made for the variant already, or begin anew."""
    experiment = Experiment.model_validate_json(asked)
    chosen = next(each for each in experiment.variants if each.name == variant)
    return _Common(experiment, chosen, Project.open(project), root, accelerator)


def _learn(of: Callable[[], _Common], seed: int, progress: Progress) -> None:
    """Do the initial learning of a seed and judge what it leads to."""
    common = of()
    classifier, learnt = common.first(seed, progress)
    if classifier is None:
        return
    run = common.root / common.variant.name / f"seed-{seed}" / "initial"
    judge_first(
        run,
        classifier,
        learnt,
        common.unmet(progress),
        views=common.settings.views,
        progress=progress,
    )


def _train(of: Callable[[], _Common], run: Place, progress: Progress) -> None:
    """Train one network and judge it."""
    common = of()
    task = next(each for each in common.tasks if each.run == run)
    settings, cells = common.settings, common.cells
    prepared = common.prepared(progress)
    start, rehearsed = None, None
    if common.variant.initial is not None:
        first, rehearsed = common.first(task.seed, progress)
        # Training leaves it as it is.
        start = first and to_start_from(first, rehearsed, task.seed)
    classifier = train_run(
        task.run,
        prepared.rows(task.train),
        list(cells.patterns[task.train]),
        common.project.patterns,
        settings,
        seed=task.seed,
        initial=start,
        rehearsed=rehearsed,
        digests=common.digests,
        about=common.about,
        accelerator=common.accelerator,
        progress=progress,
    )
    for name, rows in task.judged:
        part = cells.rows(rows)
        evaluation, predictions = evaluate_cells(
            classifier,
            prepared.rows(rows),
            list(part.patterns),
            specimens=list(part.specimens),
            views=settings.views,
            accelerator=common.accelerator,
            progress=progress,
        )
        write_evaluation(
            task.run,
            name,
            evaluation,
            predictions,
            list(part.patterns),
            list(part.specimens),
            {"multiply_adds": multiply_adds(classifier.network, settings.inputs.side_px)},
        )


def _tasks(
    experiment: Experiment,
    variant: Variant,
    cells: Selection,
    in_train: NDArray[np.bool_],
    root: Place,
) -> Iterator[_Task]:
    rank = _ranks(cells, experiment.fold_seed)
    limit = experiment.cells_per_specimen or len(cells)
    taken = in_train & (rank < limit)
    base = root / variant.name
    if experiment.test:
        for seed in experiment.seeds:
            yield _Task(
                base / f"seed-{seed}" / "all",
                seed,
                np.flatnonzero(taken),
                (("test", np.flatnonzero(~in_train)),),
            )
    if not experiment.folds:
        return
    members = specimen_folds(
        list(cells.ids[in_train]),
        list(cells.patterns[in_train]),
        list(cells.specimens[in_train]),
        k=experiment.folds,
        seed=experiment.fold_seed,
    )
    judged_limit = experiment.judged_per_specimen or len(cells)
    for seed in _fold_seeds(experiment):
        for number in range(experiment.folds):
            in_fold = np.isin(cells.ids, members[f"fold-{number}"])
            train = taken & ~in_fold
            judged = [("unseen", np.flatnonzero(in_fold & (rank < judged_limit)))]
            left = in_train & ~in_fold & (rank >= limit) & (rank < limit + KNOWN_PER_SPECIMEN)
            if left.any():
                judged.append(("known", np.flatnonzero(left)))
            yield _Task(
                base / f"seed-{seed}" / f"fold-{number}",
                seed,
                np.flatnonzero(train),
                tuple(judged),
            )


def _fold_seeds(experiment: Experiment) -> tuple[int, ...]:
    return experiment.seeds if experiment.fold_seeds is None else experiment.fold_seeds


def _ranks(cells: Selection, seed: int) -> NDArray[np.int64]:
    """Return the place of each cell in a random order of its specimen's cells."""
    ranks = np.zeros(len(cells), dtype=np.int64)
    seen: dict[str | None, int] = {}
    for row in generator(seed, "cells of a specimen").permutation(len(cells)):
        specimen = cells.specimens[row]
        ranks[row] = seen.get(specimen, 0)
        seen[specimen] = ranks[row] + 1
    return ranks


def _pool_folds(seed_dir: Place, n_folds: int, patterns: tuple[str, ...]) -> None:
    """Judge the folds' predictions together, as if they were one network's, once all are there."""
    folds = [seed_dir / f"fold-{number}" for number in range(n_folds)]
    if not all(_is_judged(fold, "unseen") for fold in folds):
        return
    for name in ("unseen", "known"):
        paths = [fold / f"predictions-{name}.parquet" for fold in folds]
        tables = [read_table(path) for path in paths if path.exists()]
        if not tables:
            continue
        table = pa.concat_tables(tables)
        _judge(seed_dir, name, table, predictions_of(table, patterns))


def _average(root: Place, variant: Variant, seed: int, patterns: tuple[str, ...]) -> None:
    """Judge the mean of other variants' probabilities, wherever all of them were judged."""
    for where, name in (("all", "test"), ("", "unseen"), ("", "known")):
        paths = [
            root
            / other.removesuffix(FIRST)
            / f"seed-{seed}"
            / ("initial" if other.endswith(FIRST) else where)
            / f"predictions-{name}.parquet"
            for other in variant.mean_of
        ]
        if not all(path.exists() for path in paths):
            continue
        tables = [read_table(path).sort_by("cell_id") for path in paths]
        into = root / variant.name / f"seed-{seed}" / where
        make_folder(into)
        _judge(into, name, tables[0], averaged([predictions_of(each, patterns) for each in tables]))


def _judge(into: Place, name: str, table: pa.Table, predictions: Predictions) -> None:
    """Write the judgement of predictions for the cells of a table."""
    names, specimens = table["pattern"].to_pylist(), table["specimen"].to_pylist()
    evaluation = judged(predictions, names, specimens)
    write_evaluation(into, name, evaluation, predictions, names, specimens)
