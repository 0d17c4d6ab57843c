"""What spreading over processes costs and brings, and what a hundred million cells would take.

    python -m bench.cluster [--cells 4096] [--page docs/cluster.md]

Measures on this machine, in one run: what Ray costs a unit of work, scoring a pool in shards by one
process and by one and two actors, training by one process and by two. The figures are kept in
results/bench/cluster.json; remove it to measure anew. Then scales them up, with the assumptions
named in `ASSUMED`, which anyone can change.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bench.record import Bench, markdown
from cellquery.campaign.selecting import select_cells
from cellquery.core import RESEARCH_USE_ONLY, SIX_PATTERNS, Progress, silent
from cellquery.core.cluster import Cluster, cluster
from cellquery.core.units import Unit, one_after_another
from cellquery.data.prepare import prepare
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.experiments.table import place_table
from cellquery.models import Classifier
from cellquery.training import TrainSettings, fit, label
from cellquery.training.pool_scores import score_project

SHARDS, UNITS, POOL = 8, 200, 100_000_000
KEPT = Path(__file__).parents[1] / "results" / "bench"
"""Where figures are kept, those of `make bench ONLY=selection` too."""
ASSUMED = {
    "machines": 16,
    "cores of each": 32,
    "a GPU, in cores of this machine": 300,
    "a core-hour, USD": 0.05,
    "a GPU-hour, USD": 1.50,
    "a GB-month, USD": 0.023,
    "share of the speed that many cores keep": 0.8,
}


def main() -> None:
    """Measure, or take what is kept, and print, or write into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=4096)
    parser.add_argument("--kept", type=Path, default=KEPT)
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(OMP_NUM_THREADS="1", RAY_worker_niceness="0")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        terms = {"cells": asked.cells}
        bench = Bench(asked.kept, folder)
        facts = bench.part("cluster", terms, lambda: measured(asked.cells, folder))
    choices = json.loads((asked.kept / "selection.json").read_text(encoding="utf-8"))["measured"]
    text, model = table(facts), scaled_up(facts, choices)
    if asked.page is None:
        print(text, model, sep="\n\n")
        return
    place_table(asked.page, "cluster", text)
    place_table(asked.page, "hundred-million", model)


def measured(n_cells: int, folder: Path) -> dict[str, Any]:
    """Return the figures of this machine."""
    made = synthetic_settings(patterns=SIX_PATTERNS, n_specimens=60, seed=0)
    for part in range(SHARDS):  # what is added to a project is a shard of its own
        project = into_project((part + 1) * n_cells // SHARDS, made, folder / "pool")
    settings = TrainSettings.preset("best")
    classifier = Classifier.fresh(SIX_PATTERNS, settings.inputs, seed=0)

    def score(into: Path, embeddings: bool = True, over: Cluster | None = None) -> None:
        score_project(
            classifier, project, into, embeddings=embeddings, accelerator="cpu", cluster=over
        )

    here = timed(lambda: score(folder / "here"))
    started = time.perf_counter()
    with cluster() as both:
        start_s = time.perf_counter() - started
        units = [Unit(str(number), nothing) for number in range(UNITS)]
        both.run(units, "units", silent)  # the workers are there from now on
        unit_s = timed(lambda: both.run(units, "units", silent)) / UNITS
        unit_s -= timed(lambda: one_after_another(units, "units", silent)) / UNITS
        # An actor of all cores has the machine alone: what one actor does.
        cores = os.cpu_count() or 1
        one = timed(lambda: score(folder / "one", over=OneThread(cpus=cores)))
        two = timed(lambda: score(folder / "two", over=both))
    unlabelled(folder / "two")
    choose = timed(lambda: select_cells([folder / "two"], "margin", n_cells // 10))
    cells = prepare(project.store(), project.store().ids[: n_cells // 2], settings.inputs)
    known = label(cells, project.manifest()["pattern"].to_pylist()[: len(cells)], SIX_PATTERNS)
    shares = {}
    for devices in (1, 2):
        short = settings.model_copy(update={"max_epochs": 3})
        network = Classifier.fresh(SIX_PATTERNS, settings.inputs, seed=0)
        epochs = fit(network, known, short, seed=0, accelerator="cpu", devices=devices)
        shares[devices] = len(cells) / min(epoch.seconds for epoch in epochs)
    sizes = {
        "pixels and masks": size(folder / "pool" / "images"),
        "scores with embeddings": size(folder / "here"),
        "manifest": size(folder / "pool", "manifest.parquet"),
    }
    score(folder / "bare", embeddings=False)
    sizes["scores"] = size(folder / "bare")
    return {
        "start_s": start_s,
        "unit_s": unit_s,
        "scored": {"one process": n_cells / here, "one actor": n_cells / one, "two": n_cells / two},
        "trained": {"one process": shares[1], "two": shares[2]},
        "chosen": n_cells / choose,
        "bytes": {what: n_bytes / n_cells for what, n_bytes in sizes.items()},
    }


def table(facts: dict[str, Any]) -> str:
    """Return a table of what was measured on one machine."""
    scored, trained = facts["scored"], facts["trained"]
    rows = [
        ("starting Ray on this machine, s", f"{facts['start_s']:.1f}"),
        ("Ray's cost of a unit of work, ms", f"{1000 * facts['unit_s']:.1f}"),
        ("scoring, one process, cells a second", f"{scored['one process']:.0f}"),
        ("scoring, one actor", f"{scored['one actor']:.0f}"),
        ("scoring, two actors", f"{scored['two']:.0f}"),
        ("training, one process, cells a second", f"{trained['one process']:.0f}"),
        ("training, two processes", f"{trained['two']:.0f}"),
        ("choosing by margin, cells a second", f"{facts['chosen']:,.0f}"),
        *((f"{what}, bytes a cell", f"{value:,.0f}") for what, value in facts["bytes"].items()),
    ]
    said = (
        f"{facts['asked']['cells']:,} synthetic cells in {SHARDS} shards, one thread a process; "
        f"{facts['processor']}, {facts['cores']} cores, load at the start {facts['load']:.1f}; "
        f"cellquery {facts['revision']}, torch {facts['packages']['torch']}, "
        f"{facts['started'][:10]}. {RESEARCH_USE_ONLY}"
    )
    return f"{markdown(['measured', ''], [list(each) for each in rows])}\n\n{said}"


def scaled_up(facts: dict[str, Any], choices: list[dict[str, Any]]) -> str:
    """Return a table of what a hundred million cells take, from the figures of one machine.

    Parameters
    ----------
    facts : dict
        Of `measured`.
    choices : list of dict
        What choosing took by strategy, library and number of candidates.
    """
    rate = facts["scored"]["one process"]
    cores = ASSUMED["machines"] * ASSUMED["cores of each"]
    kept = ASSUMED["share of the speed that many cores keep"]
    hours = POOL / rate / cores / kept / 3600
    gpu_hours = POOL / rate / ASSUMED["a GPU, in cores of this machine"] / 3600
    gb = {what: POOL * n_bytes / 1e9 for what, n_bytes in facts["bytes"].items()}
    month = (gb["pixels and masks"] + gb["scores"]) * ASSUMED["a GB-month, USD"]
    rows = [
        ("scoring, hours on all cores", figure(hours)),
        ("scoring, USD on cores", figure(hours * cores * ASSUMED["a core-hour, USD"])),
        ("scoring, GPU-hours", figure(gpu_hours)),
        ("scoring, USD on GPUs", figure(gpu_hours * ASSUMED["a GPU-hour, USD"])),
        *((f"{what}, GB", figure(value)) for what, value in gb.items()),
        ("storage of images and scores, USD a month", figure(month)),
        ("margin, shortlists on all cores, minutes", figure(POOL / facts["chosen"] / cores / 60)),
        ("margin, one process, hours", figure(POOL / facts["chosen"] / 3600)),
        ("embeddings of 128 numbers in memory, GB", figure(POOL * 128 * 4 / 1e9)),
        *(
            (
                f"{one['strategy']} among the million smallest margins, minutes and GiB",
                f"{figure(one['cpu_seconds'] / 60)}, {figure(one['peak_mib'] / 1024)}",
            )
            for one in choices
            if one["library"] == "cellquery" and one["cells"] == 1_000_000
            if one["strategy"] in ("badge", "core-set", "cluster-margin")
        ),
    ]
    assumed = ", ".join(f"{what} {value:g}" for what, value in ASSUMED.items())
    body = markdown(["a hundred million cells", ""], [list(each) for each in rows])
    return f"{body}\n\nAssumed: {assumed}."


class OneThread(Cluster):
    """A cluster whose units hold many cores and use one."""

    def map(self, function: Callable[[str], Any], items: Any, task: str) -> Any:
        """Map as a cluster does, with one thread in each actor."""
        return super().map(partial(one_thread, function), items, task)


def one_thread(function: Callable[[str], Any], item: str) -> Any:
    """Do an item with one thread."""
    torch.set_num_threads(1)
    return function(item)


def nothing(progress: Progress) -> None:
    """Do nothing: what is left is the cost of having it done."""


def unlabelled(scores: Path) -> None:
    """Take the known patterns out of scores: every cell is then a candidate."""
    for path in scores.glob("part-*.parquet"):
        table = pq.read_table(path)
        number = table.column_names.index("pattern")
        nobody = pa.nulls(len(table), pa.string())
        pq.write_table(table.set_column(number, "pattern", nobody), path)


def figure(value: float) -> str:
    """Return a number for people: two digits, or all before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def size(folder: Path, files: str = "part-*") -> int:
    """Return the bytes of the shards, or of other files, in a folder."""
    return sum(path.stat().st_size for path in folder.glob(files))


if __name__ == "__main__":
    main()
