"""Step 1 of the paper's Table 1: the network that learns some cells first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from cellquery.campaign import Judged
from cellquery.core import Progress, SettingsError, integer_seed, silent
from cellquery.core.durable import read_table
from cellquery.core.places import Place
from cellquery.data import Project
from cellquery.data.prepare import PreparedCells, inputs_for, prepare
from cellquery.data.selection import Selection, select
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.experiments.config import InitialLearning
from cellquery.models import Classifier, transfer_weights
from cellquery.training import LabelledCells, TrainSettings, label
from cellquery.training.run import train_run


def learn_first(
    first: InitialLearning,
    settings: TrainSettings,
    project: Project,
    split: str,
    run: Place,
    *,
    seed: int,
    synthetic: Place,
    about: dict[str, Any],
    accelerator: str = "auto",
    progress: Progress = silent,
) -> tuple[Classifier, LabelledCells]:
    """Return the network after its initial learning, trained once, and the cells it learnt.

    Parameters
    ----------
    first : InitialLearning
    settings : TrainSettings
    project : Project
        With the parts that are learnt; its patterns are the class list.
    split : str
    run : Path or UPath
        The run directory; a finished one is read.
    seed : int
    synthetic : Path or UPath
        Where the project of synthetic cells is made, or lies from before.
    about : dict
        More facts for ``about.json``.
    accelerator : str
    progress : Progress

    Raises
    ------
    SettingsError
        When the run directory holds the initial learning of other cells.
    """
    learnt, words = first_cells(
        first, settings, project, split, synthetic=synthetic, progress=progress
    )
    patterns = project.patterns
    with alone(run):
        _check_same_cells(run, words)
        classifier = train_run(
            run,
            learnt.cells,
            [patterns[number] for number in learnt.labels],
            patterns,
            settings.model_copy(update={"inputs": inputs_for(project, settings.inputs)}),
            seed=seed,
            about={**about, "cells": words},
            accelerator=accelerator,
            progress=progress,
        )
    return classifier, learnt


def to_start_from(classifier: Classifier, learnt: LabelledCells, seed: int) -> Classifier:
    """Return the network that later trainings of a seed start from.

    The one after the initial learning; with a new last layer where that met no cell of some
    pattern, which the layer has then learnt never to name (the paper's five patterns become six).

    Parameters
    ----------
    classifier : Classifier
        What `learn_first` returned, and is left as it is.
    learnt : LabelledCells
    seed : int
    """
    if np.bincount(learnt.labels, minlength=len(classifier.patterns)).all():
        return classifier
    start = Classifier.fresh(
        classifier.patterns,
        classifier.inputs,
        seed=integer_seed(seed, "weights"),
        network=classifier.network.name,
        options=classifier.options.model_dump(),
        start=False,
    )
    transfer_weights(classifier.network, start.network)
    return start


def alone(path: Place) -> AbstractContextManager[object]:
    """Wait for the lock of a file or folder and hold it; a URL has none."""
    if not isinstance(path, Path):
        return nullcontext()
    return FileLock(path.with_name(f".{path.name}.lock"))


def _check_same_cells(run: Place, words: str) -> None:
    about = run / "about.json"
    if not about.exists():
        return
    learnt = json.loads(about.read_text(encoding="utf-8")).get("cells", words)
    if learnt != words:
        raise SettingsError(
            run, f"has learnt {learnt}, not {words}", "choose another directory or delete it"
        )


def check_unseen(
    first: InitialLearning, project: Project, split: str, unseen: Selection, where: str | Place
) -> None:
    """Refuse an initial learning of specimens that folds judge as never seen.

    Raises
    ------
    SettingsError
        Naming one of them.
    """
    if not first.parts:
        return
    met = set(select(project, split, first.parts).specimens) - {None}
    if shared := sorted(met & set(unseen.specimens)):
        raise SettingsError(
            where,
            f"the initial learning meets specimen {shared[0]}, which folds judge as unseen",
            "split by specimen, or set folds = 0",
        )


def first_cells(
    first: InitialLearning,
    settings: TrainSettings,
    project: Project,
    split: str,
    *,
    synthetic: Place,
    progress: Progress = silent,
) -> tuple[LabelledCells, str]:
    """Return the cells of an initial learning, and in words what they are; see `learn_first`."""
    inputs = inputs_for(project, settings.inputs)
    sources: list[tuple[Project, Selection]] = []
    names = []
    if first.parts:
        sources.append((project, select(project, split, first.parts)))
        names.append(f"parts {', '.join(first.parts)}")
    if first.synthetic_cells:
        made = synthetic_settings(n_specimens=first.synthetic_specimens, seed=first.synthetic_seed)
        numbers = (first.synthetic_cells, first.synthetic_specimens, first.synthetic_seed)
        folder = synthetic / f"synthetic-{'-'.join(map(str, numbers))}"
        # Seeds learn side by side, and only one of them may make the cells that all learn.
        with alone(folder):
            cells = into_project(first.synthetic_cells, made, folder, progress=progress)
        sources.append((cells, select(cells, None, ())))
        names.append(f"{first.synthetic_cells} synthetic cells of {made.n_specimens} specimens")
    parts = [
        prepare(source.store(), chosen.ids, inputs, progress=progress) for source, chosen in sources
    ]
    prepared = PreparedCells(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.images for part in parts]),
    )
    labels = [str(pattern) for _, chosen in sources for pattern in chosen.patterns]
    return label(prepared, labels, project.patterns), " and ".join(names)


def judge_first(
    run: Place,
    classifier: Classifier,
    learnt: LabelledCells,
    judged: Sequence[Judged],
    *,
    views: int = 1,
    progress: Progress = silent,
) -> None:
    """Judge the network after its initial learning, where that is not yet done.

    On the cells that its training held out, as "validation" (Figure 10b), and on cells to come,
    none of which it has met.

    Parameters
    ----------
    run : Path or UPath
        The run directory of the initial learning.
    classifier : Classifier
    learnt : LabelledCells
        What `learn_first` returned.
    judged : sequence of Judged
    views : {1, 8}
    progress : Progress
    """
    parts = list(judged)
    if (kept := run / "training-cells.parquet").exists():
        held_out = read_table(kept, filters=[("use", "=", "validation")])["cell_id"]
        rows = np.flatnonzero(np.isin(learnt.cells.ids, held_out.to_pylist()))
        names = [classifier.patterns[i] for i in learnt.labels[rows]]
        if names:
            cells = learnt.cells.rows(rows)
            parts.append(Judged("validation", cells, names, [None] * len(names)))
    with alone(run):
        for part in parts:
            if not (run / f"evaluation-{part.name}.json").exists():
                part.judge(classifier, run, views=views, progress=progress)
