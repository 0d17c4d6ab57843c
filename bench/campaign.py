"""A whole campaign: cellquery beside the libraries that one would write the loop in oneself.

    make bench ONLY=campaign

Synthetic cells, so that anyone can repeat it, or with PROJECT the real ones of its split ``roles``.
All start from the same initial network and first batch and label the same number of cells in the
same rounds. A peer's loop trains the network anew each round, all layers from the initial weights
until its validation loss no longer falls, as the paper's Table 1 is written; cellquery runs its own
campaign. Each loop is a file in bench/peers and runs in a process, and where its versions ask for
it an environment, of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from bench.record import Bench, Line, markdown
from cellquery.acquisition import Candidates, query_strategy
from cellquery.core import CellqueryError, generator
from cellquery.core.durable import make_folder, write_json
from cellquery.data import Project
from cellquery.data.prepare import prepare
from cellquery.data.selection import select
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.experiments.table import mean_and_sd
from cellquery.training import TrainSettings
from cellquery.training.run import train_run

TITLE = "A campaign"
ROOT = Path(__file__).resolve().parents[1]

PEERS = {
    "modal": "modAL",
    "scikit-activeml": "scikit-activeml",
    "baal": "Baal",
    "small-text": "small-text",
}
SEEDS, SMOKE_SEEDS = (0, 1, 2), (0,)
WITHOUT = ("nothing", "cached features", "schedule", "bf16", "scoring", "selection")

KEPT = ("seconds", "cpu_seconds", "peak_mb", "mca", "aca", "load", "revision", "versions")
"""What the table tells of each seed."""

SIZES: dict[str, Any] = {
    "pool": 1200,
    "test": 1800,
    "initial": 600,
    "budget": 400,
    "first": 64,
    "per_round": 8,
    "side_px": 64,
    "initial_epochs": 6,
    # The preset `best` was chosen for thousands of labels: 1,500 steps of the last training, and
    # 2,000 rehearsed cells, are ten times what a few hundred labels need.
    "settings": {
        "rehearsed_cells": 200,
        "train": {
            "max_epochs": 1,
            "rehearsal": 0.25,
            "precision": "bf16-mixed",
        },
        "final": {
            "max_epochs": 10,
            "min_steps": 120,
            "rehearsal": 0.5,
            "precision": "bf16-mixed",
        },
    },
}
SMOKE: dict[str, Any] = {
    **SIZES,
    "pool": 60,
    "test": 36,
    "initial": 36,
    "budget": 36,
    "first": 24,
    "per_round": 12,
    "side_px": 32,
    "initial_epochs": 1,
    "settings": {"train": {"max_epochs": 1}, "final": {"max_epochs": 1, "min_steps": 0}},
}


def terms(bench: Bench) -> dict[str, Any]:
    """Return whose cells are labelled."""
    return {"project": bench.project and bench.project.name}


def measure(bench: Bench) -> dict[str, Any]:
    """Play every loop, for each seed."""
    sizes, seeds = (SMOKE, SMOKE_SEEDS) if bench.smoke else (SIZES, SEEDS)
    asked = {"sizes": sizes, **terms(bench)}
    loops = [("cellquery", [without]) for without in WITHOUT[: 1 if bench.smoke else None]]
    loops += [(name, []) for name in PEERS if not bench.smoke]
    for name, _ in loops:
        environment(name)
    folder = bench.work / "campaign"

    def make() -> dict[str, Any]:
        return make_task(folder, sizes, seeds, bench.project)

    made = bench.part("campaign/task", {**asked, "seeds": list(seeds)}, make)
    if not (folder / "task.json").exists():
        make()
    played: list[dict[str, Any]] = []
    for seed in seeds:
        for name, arguments in loops:
            alone = {**asked, "loop": name, "arguments": arguments, "seed": seed}
            file = "-".join([name, *arguments, str(seed)]).replace(" ", "-")
            played.append(
                bench.part(
                    f"campaign/{file}",
                    alone,
                    lambda: play(folder, name, arguments, seed, bench.threads),  # noqa: B023
                )
            )
            say = played[-1]
            print(
                f"{name} {' '.join(arguments)}: {say['seconds']:.0f} s, MCA {100 * say['mca']:.2f}",
                file=sys.stderr,
                flush=True,
            )
    return {"sizes": sizes, "seeds": list(seeds), "cells": made["cells"], "played": played}


def environment(name: str) -> Path:
    """Return the Python of a loop.

    Raises
    ------
    CellqueryError
        When its library is not installed.
    """
    if name == "cellquery":
        return Path(sys.executable)
    if not installed(name):
        raise CellqueryError(PEERS[name], "is not installed", f"run make bench-peers PEERS={name}")
    return ROOT / ".venv-peers" / name / "bin" / "python"


def installed(name: str) -> bool:
    """Tell whether the environment of a peer is whole: make stamps it at the end."""
    return (ROOT / ".venv-peers" / name / "installed").exists()


def play(folder: Path, name: str, arguments: list[str], seed: int, threads: int) -> dict[str, Any]:
    """Play one loop in a process of its own and return what it cost."""
    out = folder / "played.json"
    out.unlink(missing_ok=True)
    module = name.replace("-", "_")
    command = [environment(name), "-W", "ignore", "-m", "bench.peers", module]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    answer = subprocess.run(
        [*command, folder, str(seed), out, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        fault = (answer.stderr.strip().splitlines() or ["no word"])[-1]
        raise CellqueryError(
            f"the loop {name}", f"failed: {fault}", f"see bench/peers/{module}_loop.py"
        )
    facts: dict[str, Any] = json.loads(out.read_text())
    return facts


def make_task(
    folder: Path, sizes: dict[str, Any], seeds: Sequence[int], project: Path | None
) -> dict[str, Any]:
    """Write cells, first batches and the initial network; return how many cells there are."""
    # Cells and weights of other sizes would pass for those of these.
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    settings = TrainSettings.preset("best")
    inputs = settings.inputs.model_copy(update={"side_px": sizes["side_px"]})
    settings = settings.model_copy(update={"inputs": inputs, "max_epochs": sizes["initial_epochs"]})
    parts = real_cells(project) if project else synthetic_parts(folder, sizes)
    cells = {}
    for part, (source, ids) in parts.items():
        prepared = prepare(source.store(), ids, inputs)
        manifest = source.manifest()
        columns = dict(
            zip(
                manifest["cell_id"].to_pylist(),
                zip(
                    manifest["pattern"].to_pylist(),
                    manifest["specimen"].to_pylist(),
                    strict=True,
                ),
                strict=True,
            )
        )
        patterns = source.patterns
        names = [columns[each][0] for each in ids]
        np.savez(
            folder / f"{part}.npz",
            ids=np.array(ids, dtype=str),
            images=prepared.images,
            labels=np.array([patterns.index(name) for name in names], dtype=np.int64),
            specimens=np.array([str(columns[each][1]) for each in ids], dtype=str),
        )
        cells[part] = len(ids)
        if part == "initial":
            train_run(folder / "initial", prepared, names, patterns, settings, seed=0)
    pool_ids = np.array(parts["pool"][1], dtype=object)
    rows = {cell_id: number for number, cell_id in enumerate(pool_ids.tolist())}
    first = {
        seed: [
            rows[each]
            for each in query_strategy("random")
            .query(Candidates(pool_ids), sizes["first"], generator(seed, "first batch"))
            .ids.tolist()
        ]
        for seed in seeds
    }
    about = {name: sizes[name] for name in ("budget", "per_round", "settings")}
    write_json(folder / "task.json", {**about, "first": first, "n_patterns": len(patterns)})
    return {"cells": cells}


def synthetic_parts(folder: Path, sizes: dict[str, Any]) -> dict[str, tuple[Project, list[str]]]:
    """Return pool and held-out cells of the same specimens, and cells of others to begin with."""
    workers = os.cpu_count() or 1
    both = sizes["pool"] + sizes["test"]
    target = into_project(
        both,
        synthetic_settings(n_specimens=max(6, both // 20), seed=1),
        folder / "cells",
        workers=workers,
    )
    ids = target.manifest()["cell_id"].to_pylist()
    order = generator(0, "held out").permutation(len(ids))
    small = into_project(
        sizes["initial"],
        synthetic_settings(n_specimens=max(6, sizes["initial"] // 20), seed=2),
        folder / "small",
        workers=workers,
    )
    return {
        "pool": (target, [ids[i] for i in np.sort(order[: sizes["pool"]])]),
        "test": (target, [ids[i] for i in np.sort(order[sizes["pool"] :])]),
        "initial": (small, small.manifest()["cell_id"].to_pylist()),
    }


def real_cells(path: Path) -> dict[str, tuple[Project, list[str]]]:
    """Return the parts of the split ``roles`` of a project."""
    project = Project.open(path)
    return {
        part: (project, select(project, "roles", [part]).ids.tolist())
        for part in ("pool", "test", "initial")
    }


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return cellquery beside the fastest peer."""
    ours, *peers = _rows(facts)
    peers = [each for each in peers if each["name"] in PEERS.values()]
    if not peers:
        return []
    fastest = min(peers, key=lambda each: mean(each["seconds"]))
    return [
        Line(
            f"campaign to {facts['sizes']['budget']} labels",
            f"{mean(ours['seconds']):.0f} s, MCA {100 * mean(ours['mca']):.2f} %",
            f"{fastest['name']}, the fastest of {len(peers)}: {mean(fastest['seconds']):.0f} s, "
            f"MCA {100 * mean(fastest['mca']):.2f} %",
            f"{_times(fastest, ours, 'seconds'):.1f}, "
            f"CPU {_times(fastest, ours, 'cpu_seconds'):.1f}",
        )
    ]


def table(facts: dict[str, Any]) -> str:
    """Return a row for each loop, with ratios to cellquery."""
    rows = _rows(facts)
    spent = list(dict.fromkeys(what for each in rows for what in each["spent"]))
    body = [
        [
            each["name"],
            f"{mean(each['seconds']):.0f}",
            f"{_times(each, rows[0], 'seconds'):.2f}",
            f"{mean(each['cpu_seconds']):.0f}",
            f"{_times(each, rows[0], 'cpu_seconds'):.2f}",
            f"{max(each['peak_mb']):.0f}",
            mean_and_sd(tuple(100 * value for value in each["mca"])),
            mean_and_sd(tuple(100 * value for value in each["aca"])),
            *(f"{each['spent'][what]:.0f}" if what in each["spent"] else "-" for what in spent),
            _each(each["load"]),
            _each(each["revision"]),
        ]
        for each in rows
    ]
    head = ["loop", "seconds", "ratio", "CPU s", "ratio", "peak MiB", "MCA %", "ACA %"]
    sizes = facts["sizes"]
    n_rounds = -(-(sizes["budget"] - sizes["first"]) // sizes["per_round"])
    said = (
        f"{facts['cells']['pool']} cells in the pool, {sizes['first']} labelled first, "
        f"{sizes['per_round']} in each of {n_rounds} further rounds; judged on "
        f"{facts['cells']['test']} held-out cells; seeds {', '.join(map(str, facts['seeds']))}. "
        "The columns after ACA split the processor seconds; load and revision are those of when a "
        "row was measured, below of when all were put together. "
        f"Packages: {_packages(rows)}."
    )
    return f"{markdown([*head, *spent, 'load', 'revision'], body)}\n\n{said}"


def _times(one: dict[str, Any], other: dict[str, Any], key: str) -> float:
    return mean(one[key]) / mean(other[key])


def _each(values: list[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


def _packages(rows: list[dict[str, Any]]) -> str:
    """Return what cellquery ran with, and what each peer had other than that."""
    ours = rows[0]["versions"][0]
    named = [("", ours)]
    for each in rows:
        if each["name"] in PEERS.values():
            other = dict(each["versions"][0].items() - ours.items())
            named.append((f"{each['name']} with ", dict(sorted(other.items()))))
    return "; ".join(
        who + ", ".join(f"{package} {number}" for package, number in versions.items())
        for who, versions in named
        if versions
    )


def _rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each loop over its seeds."""
    rows: dict[str, dict[str, Any]] = {}
    for each in facts["played"]:
        asked = each["asked"]
        name = PEERS.get(asked["loop"], "cellquery")
        for argument in asked["arguments"]:
            name += "" if argument == "nothing" else f", without {argument}"
        row = rows.setdefault(name, {"name": name, "spent": {}})
        for key in KEPT:
            row.setdefault(key, []).append(each[key])
        for what, value in each["spent"].items():
            row["spent"][what] = row["spent"].get(what, 0) + value / len(facts["seeds"])
    return list(rows.values())
