"""How fast a network trains, and what each way to make it faster is worth, in one run.

    make bench ONLY=training

Trains the network of the preset ``best`` on random cells, whole and on cached output of the frozen
layers, for some seconds at a time: with batches of 16 to 128, in channels-last and in contiguous
memory, compiled, and in bf16. Each way takes turns with the usual one (batches of 32,
channels-last, 32 bits), three times; the ratio is the median of the three, so that what else the
machine does touches both. Nothing is augmented there: only the network counts. Apart from it, how
fast batches are put together with and without augmentation, which nothing trains on: as long as
that is many times faster than the network, the input is not the limit. Cells are in memory, on a
processor, and rates are for each second of it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits

from bench.peak import peak_gflops
from bench.record import Bench, Line, markdown
from cellquery.core import SIX_PATTERNS
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier, multiply_adds
from cellquery.training import Augmentation, LabelledCells, TrainSettings, early_features
from cellquery.training.augment import n_views
from cellquery.training.early import CachedCells

TITLE = "Training"
REPEATS = 3


@dataclass(frozen=True)
class Way:
    """One way to train."""

    batch_size: int = 32
    channels_last: bool = True
    compiled: bool = False
    bf16: bool = False


USUAL = Way()
WAYS = {
    "batch 16": Way(batch_size=16),
    "batch 64": Way(batch_size=64),
    "batch 128": Way(batch_size=128),
    "contiguous": Way(channels_last=False),
    "torch.compile": Way(compiled=True),
    "bf16": Way(bf16=True),
}


def trainer(cells: Any, way: Way) -> Callable[[float], float]:
    """Return a function that trains for some seconds and returns cells a processor second."""
    settings = TrainSettings.preset("best")
    classifier = Classifier.fresh(SIX_PATTERNS, settings.inputs, seed=0)
    layout = torch.channels_last if way.channels_last else torch.contiguous_format
    network: Any = classifier.network.to(memory_format=layout)
    if cells.early:
        for module in network.early_modules():
            module.requires_grad_(False)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-3)
    forward = network.finish if cells.early else network
    if way.compiled:
        forward = torch.compile(forward)
    random, generator = np.random.default_rng(0), torch.Generator()

    def step() -> None:
        rows = random.choice(len(cells), way.batch_size, replace=False)
        inputs = cells.inputs(classifier, rows, None, None, generator, torch.device("cpu"))
        inputs = [each.contiguous(memory_format=layout) for each in inputs]
        with torch.autocast("cpu", torch.bfloat16) if way.bf16 else nullcontext():
            logits = forward(*inputs).logits
            loss = F.cross_entropy(logits, torch.from_numpy(cells.labels[rows]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    network.train()
    for _ in range(3):  # compiles, and fills caches
        step()

    def train(seconds: float) -> float:
        started, n_steps = time.process_time(), 0
        while time.process_time() - started < seconds:
            step()
            n_steps += 1
        return n_steps * way.batch_size / (time.process_time() - started)

    return train


def pipeline(cells: Any, varied: Augmentation | None) -> Callable[[float], float]:
    """Return a function that makes batches for some seconds and returns cells a second."""
    settings = TrainSettings.preset("best")
    classifier = Classifier.fresh(SIX_PATTERNS, settings.inputs, seed=0)
    random, generator = np.random.default_rng(0), torch.Generator()

    def make(seconds: float) -> float:
        started, n_cells = time.process_time(), 0
        while time.process_time() - started < seconds:
            rows = random.choice(len(cells), settings.batch_size, replace=False)
            cells.inputs(classifier, rows, varied, None, generator, torch.device("cpu"))
            n_cells += settings.batch_size
        return n_cells / (time.process_time() - started)

    return make


def measure(bench: Bench) -> dict[str, Any]:
    """Return rates of each way, on whole cells and on cached layers."""
    torch.set_num_threads(bench.threads)
    n_cells, seconds = (64, 0.01) if bench.smoke else (500, 2.0)
    settings = TrainSettings.preset("best")
    inputs = settings.inputs
    if bench.smoke:
        inputs = inputs.model_copy(update={"side_px": 32})
    random = np.random.default_rng(0)
    shape = (n_cells, inputs.n_channels, inputs.side_px, inputs.side_px)
    images = random.random(shape, dtype=np.float32).astype(np.float16)
    prepared = PreparedCells(np.array([f"c{i}" for i in range(n_cells)], dtype=object), images)
    labels = random.integers(len(SIX_PATTERNS), size=n_cells)
    fresh = Classifier.fresh(SIX_PATTERNS, inputs, seed=0)
    views = range(n_views(settings.augmentation) or 1)
    kinds: dict[str, Any] = {
        "whole": LabelledCells(prepared, labels),
        "cached": CachedCells(
            (early_features(fresh, prepared, settings.augmentation, views),), labels
        ),
    }
    usual = {kind: trainer(cells, USUAL) for kind, cells in kinds.items()}
    ways = {"bf16": WAYS["bf16"]} if bench.smoke else WAYS
    n_repeats = 1 if bench.smoke else REPEATS
    found: dict[str, dict[str, Any]] = {"usual": {}}
    peaks = []
    for name, way in ways.items():
        found[name] = {}
        for kind, cells in kinds.items():
            try:
                train = trainer(cells, way)
            except Exception as error:  # noqa: BLE001 - compilers fail in ways of their own
                found[name][kind] = {"fault": type(error).__name__}
                continue
            with threadpool_limits(bench.threads):
                peaks.append(peak_gflops(0.1, time.process_time))
            pairs = [(usual[kind](seconds), train(seconds)) for _ in range(n_repeats)]
            base = found["usual"].setdefault(kind, {"rates": [], "ratios": [1.0]})
            base["rates"] += [one for one, _ in pairs]
            found[name][kind] = {
                "rates": [other for _, other in pairs],
                "ratios": [other / one for one, other in pairs],
            }
    return {
        "cells": n_cells,
        "side_px": inputs.side_px,
        "ways": found,
        "peaks": peaks,
        "multiply_adds": multiply_adds(fresh.network, inputs.side_px),
        "pipeline": {
            kind: {
                "plain": pipeline(cells, None)(seconds),
                "augmented": pipeline(cells, settings.augmentation)(seconds),
            }
            for kind, cells in kinds.items()
        },
    }


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return training beside the peak, and the input pipeline beside training."""
    threads = facts["asked"]["threads"]
    trained = statistics.median(facts["ways"]["usual"]["whole"]["rates"])
    made = facts["pipeline"]["whole"]["augmented"]
    # Forward, and twice as much backward: gradients of the inputs and of the weights.
    used = trained * 3 * 2 * facts["multiply_adds"] / 1e9
    peak = statistics.median(facts["peaks"])
    return [
        Line(
            f"training, {threads} thread{'s' if threads > 1 else ''}",
            f"{trained:.0f} cells/CPU s, {used:.0f} GFLOP/CPU s",
            f"peak of a matrix product: {peak:.0f} GFLOP/CPU s",
            f"{100 * used / peak:.0f} %",
        ),
        Line(
            "input pipeline alone",
            f"{made:.0f} cells/CPU s, augmented",
            f"training: {trained:.0f} cells/CPU s",
            f"{made / trained:.0f}",
        ),
    ]


def table(facts: dict[str, Any]) -> str:
    """Return a row for each way, and the rates of the input pipeline."""
    head = ["way", "whole: cells/CPU s", "ratio", "cached: cells/CPU s", "ratio"]
    rows = []
    for name, kinds in facts["ways"].items():
        cells = [name]
        for kind in ("whole", "cached"):
            said = kinds[kind]
            if "fault" in said:
                cells += [f"not here: {said['fault']}", ""]
                continue
            rate, ratio = statistics.median(said["rates"]), statistics.median(said["ratios"])
            cells += [f"{rate:.0f}", f"{ratio:.2f}"]
        rows.append(cells)
    for name in ("plain", "augmented"):
        cells = [f"batches alone, {name}"]
        for kind in ("whole", "cached"):
            made = facts["pipeline"][kind][name]
            usual = statistics.median(facts["ways"]["usual"][kind]["rates"])
            cells += [f"{made:.0f}", f"{made / usual:.1f}"]
        rows.append(cells)
    return (
        f"{markdown(head, rows)}\n\nUsual: batches of 32, channels-last, 32 bits; "
        f"{facts['side_px']} px."
    )
