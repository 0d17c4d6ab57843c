"""A million synthetic cells on one small machine: time and memory of every step.

    python bench/million.py FOLDER [--cells 1000000] [--steps make,learn] [--page docs/scale.md]

Makes the cells, divides them, lets a network learn a few, scores the pool, selects by margin and by
BADGE, which wants cells that differ, runs a campaign of three rounds whose oracle knows the
labels, and imports as many image files into another project. Each step is a process of its own.
FOLDER/steps.json keeps what it took: seconds by the clock and of the processor, and the highest
memory of the process and all that it started, sampled five times a second. A finished step is not
run again; an interrupted one goes on where the program can, and its times add up. With --page
the table is put into its place in that page.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.core.durable import make_folder, replacing, write_json, write_table
from cellquery.core.provenance import provenance

LEARNT = JUDGED = 12
"""Specimens that the first network learns, and that every network is judged on."""
SPLIT = "million"
FILES = 20_000
"""Image files that differ; the others of the import are hard links to them."""

# A third of the paper's side: what is measured is the size of the pool, not of a cell.
SIDE_PX = 40
LEARNING = f"""
max_epochs = 10
[inputs]
side_px = {SIDE_PX}
"""
ROUNDS = """
strategy = "margin"
budget = {budget}
first = {chosen}
per_round = {chosen}
cache_mb = 4000
[train.inputs]
side_px = {side_px}
[final]
max_epochs = 6
min_steps = {min_steps}
[final.inputs]
side_px = {side_px}
"""


def n_specimens(n_cells: int) -> int:
    """Return how many specimens the cells are of: 2,000 of a million."""
    return max(3 * LEARNT, n_cells // 500)


def n_chosen(n_cells: int) -> int:
    """Return how many are chosen at a time: 1,000 of a million."""
    return max(12, n_cells // 1000)


def make(folder: Path, n_cells: int) -> None:
    """Make the cells, straight into the image store of a project."""
    _cellquery(
        *("synthesize", "--into", folder / "cells", "--cells", n_cells),
        *("--specimens", n_specimens(n_cells), "--workers", 2),
    )


def divide(folder: Path, n_cells: int) -> None:
    """Keep whole specimens apart to learn first and to judge on."""
    from cellquery.data import Project

    project = Project.open(folder / "cells")
    manifest = project.manifest()
    ids, specimens = (
        np.array(manifest[name].to_pylist(), dtype=object) for name in ("cell_id", "specimen")
    )
    number = np.unique(specimens.astype(str), return_inverse=True)[1]
    project.save_split(
        SPLIT,
        {
            "learnt": ids[number < LEARNT],
            "judged": ids[(number >= LEARNT) & (number < LEARNT + JUDGED)],
            "pool": ids[number >= LEARNT + JUDGED],
        },
        {"kind": "specimens"},
    )


def learn(folder: Path, n_cells: int) -> None:
    """Train the first network."""
    (folder / "learning.toml").write_text(LEARNING)
    _cellquery(
        *("train", folder / "cells", "--split", SPLIT, "--part", "learnt"),
        *("--settings", folder / "learning.toml", "--into", folder / "first"),
    )


def score(folder: Path, n_cells: int) -> None:
    """Keep what the first network says of the pool: probabilities, and embeddings in half."""
    from cellquery.data import Project
    from cellquery.data.selection import select
    from cellquery.models import Classifier
    from cellquery.training.bulk import predict_stored

    project = Project.open(folder / "cells")
    pool = select(project, SPLIT, ["pool"])
    classifier = Classifier.load(folder / "first" / "model.safetensors")
    said = predict_stored(classifier, project.store(), pool.ids, workers=2, progress=_say)
    for name, values in (
        ("probabilities", said.probabilities),
        ("embeddings", said.embeddings.astype(np.float16)),
    ):
        with replacing(folder / f"{name}.npy") as file:
            np.save(file, values, allow_pickle=False)


def _select(folder: Path, n_cells: int, strategy: str) -> None:
    from cellquery.acquisition import Candidates, query_strategy
    from cellquery.data import Project
    from cellquery.data.selection import select

    pool = select(Project.open(folder / "cells"), SPLIT, ["pool"])
    scores = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in ("probabilities", "embeddings")
    }
    candidates = Candidates(pool.ids, groups=pool.specimens, **scores)
    query = query_strategy(strategy).query(candidates, n_chosen(n_cells), np.random.default_rng(0))
    write_table(folder / f"chosen-{strategy}.parquet", {"cell_id": query.ids.tolist()})


def select_by_margin(folder: Path, n_cells: int) -> None:
    """Choose the cells of smallest margin."""
    _select(folder, n_cells, "margin")


def select_by_badge(folder: Path, n_cells: int) -> None:
    """Choose unsure cells that differ."""
    _select(folder, n_cells, "badge")


def campaign(folder: Path, n_cells: int) -> None:
    """Choose, label and learn for three rounds."""
    chosen = n_chosen(n_cells)
    few = min(300, n_cells // 10)
    rounds = ROUNDS.format(budget=3 * chosen, chosen=chosen, side_px=SIDE_PX, min_steps=few)
    (folder / "rounds.toml").write_text(rounds)
    _cellquery(
        *("campaign", "run", folder / "cells", "--into", folder / "campaign", "--split", SPLIT),
        *("--pool", "pool", "--judge", "judged", "--rehearse", "learnt"),
        *("--initial", folder / "first" / "model.safetensors"),
        *("--settings", folder / "rounds.toml"),
    )


def import_files(folder: Path, n_cells: int) -> None:
    """Import image files with masks."""
    source = folder / "files"
    if not (source / "cells.csv").exists():
        _write_files(folder, source, n_cells)
    _cellquery("import", source / "cells.csv", "--into", folder / "imported", "--workers", 2)


def _write_files(folder: Path, source: Path, n_cells: int) -> None:
    from PIL import Image

    from cellquery.data import Project

    store = Project.open(folder / "cells").store()
    make_folder(source)
    few = store.ids[:: max(1, len(store) // FILES)][:FILES]
    with open(source / "table.unfinished", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "path", "mask"))
        for number in range(n_cells):
            cell_id = few[number % len(few)]
            names = [f"{kind}/{number // 10_000}/{number}.png" for kind in ("cells", "masks")]
            rows.writerow((number, *names))
            for kind, name in zip(("cells", "masks"), names, strict=True):
                path, same = source / name, number % len(few)
                first = source / kind / str(same // 10_000) / f"{same}.png"
                if path.exists():
                    continue
                make_folder(path.parent)
                if path != first:
                    os.link(first, path)
                    continue
                mask = store.mask(cell_id)
                assert mask is not None
                pixels = store.pixels(cell_id) if kind == "cells" else mask.astype(np.uint8) * 255
                Image.fromarray(pixels).save(path, compress_level=3)
    os.replace(source / "table.unfinished", source / "cells.csv")


STEPS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "make": ("make them, into an image store", make),
    "divide": ("divide them by specimen", divide),
    "learn": ("train the first network", learn),
    "score": ("score the pool: probabilities, embeddings", score),
    "margin": ("select {chosen} by margin", select_by_margin),
    "badge": ("select {chosen} by BADGE", select_by_badge),
    "campaign": ("three rounds of a campaign", campaign),
    "import": ("import as many image files with masks", import_files),
}


def run(folder: Path, n_cells: int, name: str) -> None:
    """Run one step in a process of its own and keep what it takes, while it runs."""
    path = folder / "steps.json"
    steps: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    spent = steps.setdefault(name, {"cells": n_cells, "done": False})
    if spent["done"]:
        return
    earlier = {key: spent.get(key, 0.0) for key in ("seconds", "cpu_seconds")}
    peaks = {key: spent.get(key, 0) for key in ("peak_mib", "own_mib")}
    started, children = time.perf_counter(), os.times()
    kept = started
    command = [sys.executable, __file__, str(folder), "--cells", str(n_cells), "--inside", name]
    with subprocess.Popen(command) as step:
        while step.poll() is None:
            for key, value in zip(peaks, _memory(step.pid), strict=True):
                peaks[key] = max(peaks[key], round(value))
            time.sleep(0.2)
            if time.perf_counter() - kept > 10:
                kept = time.perf_counter()
                spent.update(peaks, seconds=round(earlier["seconds"] + kept - started, 1))
                write_json(path, steps)
    now = os.times()
    cpu = now.children_user + now.children_system - children[2] - children[3]
    spent.update(
        peaks,
        seconds=round(earlier["seconds"] + time.perf_counter() - started, 1),
        cpu_seconds=round(earlier["cpu_seconds"] + cpu, 1),
        done=step.returncode == 0,
        load=round(os.getloadavg()[0], 1),
        machine=provenance(),
    )
    write_json(path, steps)
    if step.returncode:
        sys.exit(f"step {name} ended with status {step.returncode}; run the same command again")


def table(folder: Path) -> str:
    """Return what the steps took as a Markdown table."""
    steps = json.loads((folder / "steps.json").read_text())
    lines = [
        "| step | minutes | processor minutes | cells/s | memory, MiB | with mapped files, MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, (title, _) in STEPS.items():
        if name not in steps:
            continue
        spent = steps[name]
        title = title.format(chosen=n_chosen(spent["cells"]))
        cells = [title if spent["done"] else f"{title} (unfinished)"]
        cells += [f"{spent['seconds'] / 60:.1f}", f"{spent.get('cpu_seconds', 0) / 60:.1f}"]
        cells += ["" if name == "learn" else f"{spent['cells'] / spent['seconds']:,.0f}"]
        cells += [f"{spent['own_mib']:,}", f"{spent['peak_mib']:,}"]
        lines.append(f"| {' | '.join(cells)} |")
        for done in sorted((folder / "campaign" / "rounds").glob("*/round.json")):
            if name != "campaign":
                break
            facts = json.loads(done.read_text())
            seconds, cpu = (sum(facts[clock].values()) for clock in ("seconds", "cpu_seconds"))
            parts = ", ".join(
                f"{what} {value / 60:.1f}" for what, value in facts["cpu_seconds"].items()
            )
            mca = 100 * facts["judged"]["judged"]["mca"]
            lines.append(
                f"| of it round {facts['round']}: {facts['n_labels']:,} labels, MCA {mca:.1f} % "
                f"({parts}) | {seconds / 60:.1f} | {cpu / 60:.1f} | | | |"
            )
    machine = next((s["machine"] for s in steps.values() if "machine" in s), provenance())
    loads = [spent["load"] for spent in steps.values() if "load" in spent]
    lines += [
        "",
        f"{machine['processor']}, {os.cpu_count()} cores, shared with other work (load "
        f"{min(loads, default=0):.0f} to {max(loads, default=0):.0f}), torch "
        f"{machine['packages']['torch']}.",
        "",
        RESEARCH_USE_ONLY,
    ]
    return "\n".join(lines)


def _memory(root: int) -> tuple[float, float]:
    """Return the memory of a process and all below it, in MiB: with mapped files, and its own."""
    resident = own = 0
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        try:
            threads = list(Path(f"/proc/{pid}/task").iterdir())
            children = " ".join((thread / "children").read_text() for thread in threads)
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue  # it has just ended
        waiting += map(int, children.split())
        kib = {
            line.split(":")[0]: int(line.split()[1])
            for line in status.splitlines()
            if line.startswith(("VmRSS", "RssAnon", "RssShmem"))
        }
        resident += kib.get("VmRSS", 0)
        own += kib.get("RssAnon", 0) + kib.get("RssShmem", 0)
    return resident / 1024, own / 1024


def _cellquery(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "cellquery", *map(str, arguments)], check=True)


def _say(task: str, done: int, total: int | None = None) -> None:
    if done == total or done % 64_000 == 0:
        print(f"{task}: {done} of {total}", flush=True)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--page", type=Path, help="Put the table into this page.")
    parser.add_argument("--inside", choices=STEPS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        STEPS[asked.inside][1](asked.folder, asked.cells)
        return
    make_folder(asked.folder)
    for name in filter(None, asked.steps.split(",")):
        print(f"== {name}", flush=True)
        run(asked.folder, asked.cells, name)
    print(table(asked.folder))
    if asked.page:
        from cellquery.experiments.table import place_table

        place_table(asked.page, SPLIT, table(asked.folder))


if __name__ == "__main__":
    main()
