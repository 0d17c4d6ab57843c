"""A training of a project's cells, kept in a run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from cellquery.core import Progress, TrainingError, integer_seed, silent
from cellquery.core.durable import make_folder, write_json, write_table
from cellquery.core.fingerprint import fingerprint
from cellquery.core.places import Place
from cellquery.core.provenance import provenance
from cellquery.data.learnt import cell_rows, labels_of
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier, transfer_weights
from cellquery.models.fingerprint import network_fingerprint
from cellquery.training.cells import LabelledCells, hold_out, label
from cellquery.training.device import torch_device
from cellquery.training.fit import fit
from cellquery.training.memory import forget_peak, peak_mb
from cellquery.training.precision import has_bf16
from cellquery.training.settings import TrainSettings, as_now
from cellquery.wavelets import InputSettings


def train_run(
    run: Place,
    cells: PreparedCells,
    names: Sequence[str],
    patterns: tuple[str, ...],
    settings: TrainSettings,
    *,
    seed: int,
    initial: Classifier | None = None,
    rehearsed: LabelledCells | None = None,
    leaked: LabelledCells | None = None,
    met: Mapping[str, Sequence[str]] | None = None,
    digests: Mapping[str, str] | None = None,
    about: dict[str, Any] | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    progress: Progress = silent,
) -> Classifier:
    """Train on labelled cells and keep everything in a run directory; go on if it is unfinished.

    Writes ``settings.json``, ``about.json``, ``training-cells.parquet``, ``epochs.jsonl`` and, at
    the end, ``model.safetensors``: a directory that has the model is finished and is returned as
    it is.

    Parameters
    ----------
    run : Path or UPath
    cells : PreparedCells
        Prepared with ``settings.inputs``.
    names : sequence of str, shape (cells,)
        The pattern of each cell.
    patterns : tuple of str
        The class list, in the order of the outputs; a pattern may have no cell.
    settings : TrainSettings
    seed : int
        Decides weights, validation cells, order and augmentation.
    initial : Classifier or None
        Start from these weights. Where its patterns differ, its last layer is left behind.
    rehearsed : LabelledCells or None
        The cells of the initial learning, for ``settings.rehearsal``.
    leaked : LabelledCells or None
        The test cells, for ``settings.validation == "test"`` only.
    met : mapping of str to sequence of str, or None
        Ids of further cells that the initial network or the rehearsal has learnt, by use: kept with
        those that are learnt now, so that no evaluation takes them for unseen.
    digests : mapping of str to str, or None
        The digest of each cell's image file, by its id, where known: kept with the ids, since
        another project may give these to other cells.
    about : dict or None
        More facts for ``about.json``, such as the project and the split.
    accelerator : str
    devices : int
        Processes that share the training.
    progress : Progress

    Returns
    -------
    Classifier

    Raises
    ------
    TrainingError
        When the directory holds another training, or the training cannot go on.
    """
    labelled = label(cells, names, patterns)
    given = {
        "cells": _digest(labelled),
        "initial_network": network_fingerprint(initial) if initial else None,
        "rehearsed_cells": _digest(rehearsed) if rehearsed and settings.rehearsal else None,
        "test_cells": _digest(leaked) if leaked else None,
    }
    if (run / "settings.json").exists():
        check_same(run, settings, seed)
        _check_given(run, given, labelled)
    if (run / "model.safetensors").exists():
        return Classifier.load(run / "model.safetensors")
    make_folder(run)
    validation = None
    if settings.validation == "labelled":
        labelled, validation = hold_out(labelled, settings.validation_fraction, seed)
    elif settings.validation == "test":
        if leaked is None:
            raise TrainingError(
                "validation",
                "the paper's leak needs the test cells",
                "name them with --split and --test",
            )
        validation = leaked
    facts = {
        "seed": seed,
        "patterns": list(patterns),
        "n_train": len(labelled),
        "n_validation": 0 if validation is None else len(validation),
        "n_rehearsed": len(rehearsed) if rehearsed and settings.rehearsal else 0,
        "validation": settings.validation,
        "threads": torch.get_num_threads(),
        "device": _device_name(accelerator),
        "has_bf16": has_bf16(torch_device(accelerator)),
        "n_devices": devices,
        "given": given,
        **(about or {}),
        **provenance(),
    }
    write_json(run / "settings.json", {"seed": seed, **settings.model_dump()})
    write_json(run / "about.json", facts)
    _write_cells(run, patterns, met or {}, digests or {}, train=labelled, validation=validation)
    inputs = fitted_inputs(settings.inputs, labelled.cells.images)
    classifier = Classifier.fresh(
        patterns,
        inputs,
        seed=integer_seed(seed, "weights"),
        network=settings.network,
        options=settings.options,
        start=initial is None,
    )
    if initial is not None:
        _start_from(classifier, initial)
    device = torch_device(accelerator)
    forget_peak(device)
    epochs = fit(
        classifier,
        labelled,
        settings,
        seed=seed,
        validation=validation,
        rehearsed=rehearsed,
        run=run,
        accelerator=accelerator,
        devices=devices,
        progress=progress,
    )
    # Those of an interrupted training included.
    facts["seconds"] = round(sum(epoch.seconds for epoch in epochs), 2)
    facts["peak_memory_mb"] = peak_mb(device) if devices == 1 else None
    facts["n_parameters"] = classifier.network.n_parameters
    facts["n_epochs"] = len(epochs)
    facts["cells_per_second"] = round(
        len(labelled) * settings.augmentation.n_copies / np.median([e.seconds for e in epochs]), 1
    )
    classifier.provenance = {"settings": settings.model_dump(), **facts}
    write_json(run / "about.json", facts)
    classifier.save(run / "model.safetensors")
    (run / "state.pt").unlink(missing_ok=True)
    return classifier


def fitted_inputs(inputs: InputSettings, images: NDArray[np.float16]) -> InputSettings:
    """Return input settings with the statistics of the training cells where they are needed."""
    if inputs.normalisation != "dataset":
        return inputs
    # Half precision would overflow in the sum of squares.
    totals = np.array(
        [(c.sum(dtype=np.float64), np.square(c, dtype=np.float64).sum()) for c in images[:, 0]]
    )
    n_pixels = images[:, 0].size
    mean, square = totals.sum(axis=0) / n_pixels
    return inputs.with_statistics(mean, max(float(square - mean**2), 1e-12) ** 0.5)


def _write_cells(
    run: Place,
    patterns: tuple[str, ...],
    met: Mapping[str, Sequence[str]],
    digests: Mapping[str, str],
    **uses: LabelledCells | None,
) -> None:
    """Write ``training-cells.parquet``: which cells trained and validated, under which label.

    Those met before come last, without one.
    """
    rows: list[tuple[str, str | None, str]] = [
        (str(cell_id), patterns[number], use)
        for use, cells in uses.items()
        if cells is not None
        for cell_id, number in zip(cells.cells.ids, cells.labels, strict=True)
    ]
    rows += [(cell_id, None, use) for use, ids in met.items() for cell_id in ids]
    columns = zip(*rows, strict=True)
    table: dict[str, Any] = dict(
        zip(("cell_id", "pattern", "use"), map(list, columns), strict=True)
    )
    table["digest"] = pa.array([digests.get(cell_id) for cell_id, _, _ in rows], pa.string())
    write_table(run / "training-cells.parquet", table)


def _start_from(classifier: Classifier, initial: Classifier) -> None:
    ours, theirs = classifier.inputs, initial.inputs
    unlike = [
        key
        for key in ("side_px", "fit", "mask", "normalisation", "wavelet", "details")
        if getattr(ours, key) != getattr(theirs, key)
    ]
    if other := initial.unlike(classifier.network.name, classifier.options.model_dump()):
        raise TrainingError("initial model", other, "use the same network and options")
    if unlike:
        key = unlike[0]
        raise TrainingError(
            "initial model",
            f"was trained with inputs.{key} = {getattr(theirs, key)}, not {getattr(ours, key)}",
            "use the same input settings",
        )
    # Frozen layers were fitted to inputs on the initial model's scale.
    # How many bits the camera has, though, is a fact of the cells that are learnt now.
    classifier.inputs = theirs.model_copy(update={"content_bits": ours.content_bits})
    if initial.patterns == classifier.patterns:
        classifier.network.make_room(initial.network.state_dict())
        classifier.network.load_state_dict(initial.network.state_dict())
    else:
        transfer_weights(initial.network, classifier.network)


def check_same(run: Place, settings: TrainSettings, seed: int) -> None:
    """Refuse a run directory of another training.

    Raises
    ------
    TrainingError
        When its settings or its seed are others.
    """
    kept = json.loads((run / "settings.json").read_text(encoding="utf-8"))
    if as_now(kept) != json.loads(json.dumps({"seed": seed, **settings.model_dump()})):
        raise TrainingError(
            run,
            "holds a training with other settings or another seed",
            "choose another directory or delete it",
        )


def _digest(cells: LabelledCells) -> str:
    return fingerprint(cells.cells.ids, [cells.cells.images, cells.labels])


def _check_given(run: Place, given: Mapping[str, str | None], labelled: LabelledCells) -> None:
    """Refuse to go on, or to pass for finished, with anything but what the training began with."""
    path = run / "about.json"
    about = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = about.get("given", {})
    other = next((key for key, value in given.items() if kept.get(key, value) != value), None)
    # Runs of earlier versions kept the ids alone.
    if not kept and about.get("validation") != "test":
        rows = cell_rows(run / "training-cells.parquet")
        if rows is not None and set(labels_of(rows)) != set(labelled.cells.ids):
            other = "cells"
    if other:
        raise TrainingError(
            run,
            f"holds a training with other {other.replace('_', ' ')}",
            "choose another directory or delete it",
        )


def _device_name(accelerator: str) -> str:
    device = torch_device(accelerator)
    return str(torch.cuda.get_device_name()) if device.type == "cuda" else "cpu"
