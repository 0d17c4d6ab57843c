"""How fast a network trains, and what each way to make it faster is worth, in one run.

    python bench/training_rate.py [CELLS] [SECONDS] [WAY ...]

Trains the network of the preset ``best`` on CELLS (2,000) random cells, whole and on cached output
of the frozen layers, for SECONDS (4) at a time: with batches of 16 to 128, in channels-last and in
contiguous memory, compiled, and in bf16, or in the WAYs named. Each way takes turns with the usual
one (batches of 32, channels-last, 32 bits), three times; the ratio is the median of the three, so
that what else the machine does touches both. Nothing is augmented: only the network counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cellquery.core import SIX_PATTERNS
from cellquery.core.provenance import provenance
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training import Augmentation, LabelledCells, TrainSettings, early_features
from cellquery.training.early import CachedCells

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


def main(n_cells: int = 2000, seconds: float = 4.0, *names: str) -> None:
    """Print a row for each way, on whole cells and on cached layers."""
    inputs = TrainSettings.preset("best").inputs
    random = np.random.default_rng(0)
    shape = (n_cells, inputs.n_channels, inputs.side_px, inputs.side_px)
    images = random.random(shape, dtype=np.float32).astype(np.float16)
    prepared = PreparedCells(np.array([f"c{i}" for i in range(n_cells)], dtype=object), images)
    labels = random.integers(len(SIX_PATTERNS), size=n_cells)
    fresh = Classifier.fresh(SIX_PATTERNS, inputs, seed=0)
    kinds = {
        "whole": LabelledCells(prepared, labels),
        "cached": CachedCells((early_features(fresh, prepared, Augmentation(), [0]),), labels),
    }
    facts = provenance()
    print(
        f"{facts['processor']}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, "
        f"torch {facts['packages']['torch']}, {inputs.side_px} px\n"
    )
    print("| way | whole: cells/CPU s | ratio | cached: cells/CPU s | ratio |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    usual = {kind: trainer(cells, USUAL) for kind, cells in kinds.items()}
    for name in names or WAYS:
        way = WAYS[name]
        row = []
        for kind, cells in kinds.items():
            try:
                train = trainer(cells, way)
            except Exception as error:  # noqa: BLE001 - compilers fail in ways of their own
                row += [f"not here: {type(error).__name__}", ""]
                continue
            pairs = [(usual[kind](seconds), train(seconds)) for _ in range(REPEATS)]
            rates = [other for _, other in pairs]
            ratios = [other / base for base, other in pairs]
            row += [f"{statistics.median(rates):.0f}", f"{statistics.median(ratios):.2f}"]
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    base = [f"{train(seconds):.0f} | 1.00" for train in usual.values()]
    print(f"| usual: batch 32, channels-last, 32 bits | {' | '.join(base)} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(float, sys.argv[2:3]), *sys.argv[3:])
