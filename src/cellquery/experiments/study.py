"""Run an experiment: every variant, seed and fold in a run directory of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import Progress, SettingsError, generator, silent
from cellquery.core.durable import make_folder, read_table, write_json
from cellquery.core.places import Place, matching
from cellquery.data import Project, specimen_folds
from cellquery.data.prepare import PreparedCells, inputs_for, prepare
from cellquery.data.selection import Selection, select
from cellquery.experiments.config import Experiment, Variant
from cellquery.experiments.initial import learn_first
from cellquery.metrics import evaluate
from cellquery.models import multiply_adds
from cellquery.training import Predictions
from cellquery.training.evaluate import evaluate_cells, write_evaluation
from cellquery.training.run import train_run

KNOWN_PER_SPECIMEN = 6


@dataclass(frozen=True)
class _Task:
    """One training and what it is judged on: (name of the judgement, rows)."""

    run: Place
    seed: int
    train: NDArray[np.int64]
    judged: tuple[tuple[str, NDArray[np.int64]], ...]


def run_experiment(
    experiment: Experiment,
    project: Project,
    into: Place,
    *,
    only: str | None = None,
    variants: Sequence[str] = (),
    accelerator: str = "auto",
    progress: Progress = silent,
) -> Place:
    """Run what is not yet done of an experiment and return its directory.

    Each training has a directory ``VARIANT/seed-S/all`` or ``VARIANT/seed-S/fold-F``; finished
    ones are kept, an unfinished one goes on from its last epoch. The folds' predictions are put
    together: ``VARIANT/seed-S/evaluation-unseen.json`` judges every cell of ``train`` by the
    network that never saw its specimen.

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
    progress : Progress

    Raises
    ------
    SettingsError
        When there is no such variant, or the directory holds runs of other parts.
    """
    root = into / experiment.name
    make_folder(root)
    _check_same_cells(root, experiment)
    write_json(root / "experiment.json", experiment.model_dump())
    cells = select(project, experiment.split, [*experiment.train, *experiment.test])
    in_train = np.isin(cells.ids, select(project, experiment.split, experiment.train).ids)
    unknown = set(variants) - {variant.name for variant in experiment.variants}
    if unknown:
        raise SettingsError(
            experiment.name,
            f"has no variant '{sorted(unknown)[0]}'",
            f"choose from {', '.join(variant.name for variant in experiment.variants)}",
        )
    about: dict[str, Any] = {"experiment": experiment.name, "synthetic": project.is_synthetic}
    for variant in experiment.variants:
        if variants and variant.name not in variants:
            continue
        settings = experiment.settings_of(variant)
        inputs = inputs_for(project, settings.inputs)
        settings = settings.model_copy(update={"inputs": inputs})
        prepared: PreparedCells | None = None
        # All tasks of a seed start from the same network, which is not changed by training.
        start, rehearsed, learnt_seed = None, None, None
        for task in _tasks(experiment, variant, cells, in_train, root):
            if only is not None and (only == "test") != (task.run.name == "all"):
                continue
            if all((task.run / f"evaluation-{name}.json").exists() for name, _ in task.judged):
                continue
            if prepared is None:
                prepared = prepare(project.store(), cells.ids, inputs, progress=progress)
            if variant.initial is not None and task.seed != learnt_seed:
                start, rehearsed = learn_first(
                    variant.initial,
                    experiment.initial_settings_of(variant),
                    project,
                    experiment.split,
                    root / variant.name / f"seed-{task.seed}" / "initial",
                    seed=task.seed,
                    synthetic=root,
                    about={**about, "variant": variant.name},
                    accelerator=accelerator,
                    progress=progress,
                )
                learnt_seed = task.seed
            classifier = train_run(
                task.run,
                prepared.rows(task.train),
                list(cells.patterns[task.train]),
                project.patterns,
                settings,
                seed=task.seed,
                initial=start,
                rehearsed=rehearsed,
                about={**about, "variant": variant.name},
                accelerator=accelerator,
                progress=progress,
            )
            for name, rows in task.judged:
                judged = cells.rows(rows)
                evaluation, predictions = evaluate_cells(
                    classifier,
                    prepared.rows(rows),
                    list(judged.patterns),
                    specimens=list(judged.specimens),
                    views=settings.views,
                    accelerator=accelerator,
                    progress=progress,
                )
                write_evaluation(
                    task.run,
                    name,
                    evaluation,
                    predictions,
                    list(judged.patterns),
                    list(judged.specimens),
                    {"multiply_adds": multiply_adds(classifier.network, inputs.side_px)},
                )
        if experiment.folds:
            for seed in _fold_seeds(experiment):
                _pool_folds(root / variant.name / f"seed-{seed}", project.patterns)
    return root


def _check_same_cells(root: Place, experiment: Experiment) -> None:
    """Refuse to go on with runs of other cells: finished ones would pass for those asked for."""
    path = root / "experiment.json"
    if not path.exists() or not any(root.glob("*/seed-*/*/settings.json")):
        return
    kept = json.loads(path.read_text(encoding="utf-8"))
    for key in ("split", "train", "test"):
        was, wanted = kept[key], getattr(experiment, key)
        wanted = wanted if key == "split" else list(wanted)
        # A part to judge on may come later, or be left out.
        if was != wanted and (key != "test" or (was and wanted)):
            raise SettingsError(
                root,
                f"holds runs with {key} = {json.dumps(was)}, not {json.dumps(wanted)}",
                "choose another directory or delete it",
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


def _pool_folds(seed_dir: Place, patterns: tuple[str, ...]) -> None:
    """Judge the folds' predictions together, as if they were one network's."""
    for name in ("unseen", "known"):
        paths = matching(seed_dir, f"fold-*/predictions-{name}.parquet")
        if not paths:
            continue
        tables = [read_table(path) for path in paths]
        ids = np.concatenate([table["cell_id"].to_pylist() for table in tables]).astype(object)
        names = [pattern for table in tables for pattern in table["pattern"].to_pylist()]
        specimens = [specimen for table in tables for specimen in table["specimen"].to_pylist()]
        probabilities = np.concatenate(
            [np.stack([table[f"p_{p}"].to_numpy() for p in patterns], axis=1) for table in tables]
        )
        true = np.array([patterns.index(pattern) for pattern in names], dtype=np.int64)
        evaluation = evaluate(true, probabilities, patterns, specimens=specimens)
        predictions = Predictions(ids, patterns, probabilities, np.zeros((len(ids), 0), np.float32))
        write_evaluation(seed_dir, name, evaluation, predictions, names, specimens)
