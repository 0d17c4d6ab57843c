"""Selection alone: time and memory of every query strategy, up to a million candidates.

    make bench ONLY=selection
    python -m bench.selection --page docs/acquisition.md --plot docs/images/selection.png

Candidates have embeddings of 128 numbers in 60 overlapping groups, probabilities of six patterns by
a last layer, a committee of ten members and 5,000 labelled cells beside them; 1,000 are chosen, 100
of the smallest size. Each strategy of each library runs in a process of its own; where a choice
takes under a second, five are made and the median counts. A peer that takes more than a minute of
the processor or 12 GiB at one size is not asked at the next.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bench.campaign import environment, installed
from bench.record import Bench, Line, markdown
from cellquery.acquisition import STRATEGIES
from cellquery.acquisition.distances import nearest_squared
from cellquery.core import CellqueryError
from cellquery.core.durable import make_folder
from cellquery.experiments.table import place_table

TITLE = "Selection alone"
ROOT = Path(__file__).resolve().parents[1]
SIZES = (1_000, 13_000, 63_000, 1_000_000)
SMOKE, SMOKE_STRATEGIES = (300,), ("margin", "core-set", "badge")
DIMS, PATTERNS, MEMBERS, LABELLED = 128, 6, 10, 5_000
LIBRARIES = {
    "cellquery": "cellquery",
    "scikit-activeml": "scikit-activeml",
    "baal": "Baal",
    "plain": "as written down",
    "cellquery-exact": "cellquery, every candidate a reference",
}
PATIENCE_S, ROOM = 60, 12 * 2**30
EXACT_CELLS = 13_000
"""Up to here coverage measured on all candidates is affordable to compare with."""
_PIECE = 50_000


def terms(bench: Bench) -> dict[str, Any]:
    """Return which libraries take part: once others are installed, all is measured anew."""
    return {"libraries": [name for name in LIBRARIES if python_of(name) is not None]}


def measure(bench: Bench) -> dict[str, Any]:
    """Ask every strategy of every library at every size."""
    measured: list[dict[str, Any]] = []
    sizes, strategies = (SMOKE, SMOKE_STRATEGIES) if bench.smoke else (SIZES, STRATEGIES)
    libraries = terms(bench)["libraries"]
    for name in absent(libraries):
        said = f"{name}: is not installed, left out; make bench ONLY=selection installs it"
        print(said, file=sys.stderr, flush=True)
    for library, strategy in product(libraries, strategies):
        for n_cells in sizes:
            if library == "cellquery-exact" and n_cells > EXACT_CELLS:
                break
            asked = {
                "cells": n_cells,
                "n": n_cells // 10 if n_cells <= 1_000 else 1_000,
                "library": library,
                "strategy": strategy,
            }
            folder = bench.work / "selection" / str(n_cells)
            facts = bench.part(
                f"selection/{library}-{strategy}-{n_cells}",
                asked,
                lambda: ask(folder, bench.threads, **asked),  # noqa: B023
            )
            if not facts["has"]:
                break
            keys = ("seconds", "cpu_seconds", "runs", "peak_mib", "gave_up", "radius", "gained")
            measured.append({**asked, **{key: facts[key] for key in keys if key in facts}})
            print(*measured[-1].values(), file=sys.stderr, flush=True)
            if "gave_up" in facts:
                break
    return {"measured": measured}


def python_of(library: str) -> Path | None:
    """Return the Python that a library is installed for, or None where it is not installed."""
    if library == "baal":
        return environment(library) if installed(library) else None
    if library == "scikit-activeml" and find_spec("skactiveml") is None:
        return None
    return Path(sys.executable)


def absent(libraries: list[str]) -> list[str]:
    """Return the titles of those that do not take part."""
    return [title for name, title in LIBRARIES.items() if name not in libraries]


def ask(
    folder: Path, threads: int, cells: int, n: int, library: str, strategy: str
) -> dict[str, Any]:
    """Return what one choice cost, and how well what it chose covers the candidates."""
    write_arrays(folder, cells)
    out = folder / "chosen.json"
    out.unlink(missing_ok=True)
    python = python_of(library)
    assert python is not None
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    command = [python, "-W", "ignore", "-m", "bench.peers.selection", library, strategy, folder]
    limited = not library.startswith("cellquery")
    answer = subprocess.run(
        [*map(str, command), str(n), str(out.resolve())],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_limit if limited else None,
    )
    if limited and answer.returncode == -signal.SIGXCPU:
        return {"has": True, "gave_up": f"over {PATIENCE_S} s"}
    if limited and "MemoryError" in answer.stderr:
        return {"has": True, "gave_up": f"over {ROOM >> 30} GiB"}
    if answer.returncode:
        fault = (answer.stderr.strip().splitlines() or ["no word"])[-1]
        raise CellqueryError(f"{library}, {strategy}", f"failed: {fault}", "see bench/peers")
    facts: dict[str, Any] = json.loads(out.read_text())
    if facts["has"] and strategy in ("core-set", "typiclust", "max-herding", "random"):
        facts.update(covered(folder, np.array(facts["chosen"])))
    facts.pop("chosen", None)
    return facts


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S + 5))
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))


def covered(folder: Path, chosen: np.ndarray) -> dict[str, float]:
    """Return how well labelled and chosen cells stand for the candidates.

    ``radius`` is the largest distance of a candidate from the nearest of them, which core-set makes
    small. ``gained`` is what the chosen cells add to the mean of a Gaussian kernel of the nearest,
    for vectors of unit length, which MaxHerding makes large. Of large pools every so many-th
    candidate is looked at.
    """
    mapped = np.load(folder / "embeddings.npy", mmap_mode="r")
    labelled = np.load(folder / "labelled.npy")
    vectors = np.asarray(mapped[:: max(1, len(mapped) // 20_000)], dtype=np.float32)
    near = np.concatenate([labelled, np.asarray(mapped[chosen], dtype=np.float32)])
    radius = float(np.sqrt(nearest_squared(vectors, near).max()))
    unit, near = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (vectors, near))
    width = np.sqrt(np.median(nearest_squared(unit[:500], unit[-1:]))) / 2
    before, after = (
        np.exp(nearest_squared(unit, each) / (-2 * width**2)).mean()
        for each in (near[: len(labelled)], near)
    )
    return {"radius": round(radius, 3), "gained": round(float(after - before), 6)}


def write_arrays(folder: Path, n_cells: int) -> None:
    """Write the arrays of a size, in pieces, where they are not written yet."""
    if (folder / "committee.npy").exists():
        return
    make_folder(folder)
    random = np.random.default_rng(0)
    centres = random.standard_normal((60, DIMS), dtype=np.float32)
    head = random.standard_normal((DIMS, PATTERNS), dtype=np.float32) / 4

    def vectors(n: int) -> np.ndarray:
        noise = random.standard_normal((n, DIMS), dtype=np.float32)
        return np.abs(centres[random.integers(60, size=n)] + noise)

    np.save(folder / "labelled.npy", vectors(LABELLED))
    np.save(folder / "head.npy", head)
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "embeddings": ((n_cells, DIMS), np.float16),
        "probabilities": ((n_cells, PATTERNS), np.float32),
        "unfinished": ((MEMBERS, n_cells, PATTERNS), np.float32),
    }
    files = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)
        for name, (shape, dtype) in shapes.items()
    }
    for start in range(0, n_cells, _PIECE):
        piece = slice(start, min(start + _PIECE, n_cells))
        drawn = vectors(piece.stop - start)
        logits = drawn @ head
        files["embeddings"][piece] = drawn
        files["probabilities"][piece] = _softmax(logits)
        for member in range(MEMBERS):
            other = logits + random.standard_normal(logits.shape, dtype=np.float32)
            files["unfinished"][member, piece] = _softmax(other)
    for file in files.values():
        file.flush()
    os.replace(folder / "unfinished.npy", folder / "committee.npy")


def _softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return each strategy beside the fastest peer, at the largest size that one manages."""
    found = []
    rows = [each for each in facts["measured"] if "cpu_seconds" in each]
    for strategy in STRATEGIES:
        peers = [
            each
            for each in rows
            if each["strategy"] == strategy and each["library"] in ("scikit-activeml", "baal")
        ]
        if not peers:
            continue
        n_cells = max(each["cells"] for each in peers)
        peer = min(
            (each for each in peers if each["cells"] == n_cells), key=lambda e: e["cpu_seconds"]
        )
        ours = next(
            each
            for each in rows
            if (each["library"], each["strategy"], each["cells"])
            == ("cellquery", strategy, n_cells)
        )
        found.append(
            Line(
                f"{strategy}: {ours['n']:,} of {n_cells:,}",
                f"{_seconds(ours)}, {ours['peak_mib']:,.0f} MiB",
                f"{LIBRARIES[peer['library']]} {_seconds(peer)}, {peer['peak_mib']:,.0f} MiB",
                f"{peer['cpu_seconds'] / max(ours['cpu_seconds'], 1e-6):.1f}",
            )
        )
    return found


def table(facts: dict[str, Any]) -> str:
    """Return a row for each strategy of each library: seconds and mebibytes at each size."""
    measured = facts["measured"]
    sizes = sorted({each["cells"] for each in measured})
    rows = []
    for strategy in STRATEGIES:
        for library, title in LIBRARIES.items():
            found = {
                each["cells"]: each
                for each in measured
                if (each["strategy"], each["library"]) == (strategy, library)
            }
            if not found:
                continue
            cells = [_cell(found[n]) if n in found else "" for n in sizes]
            at = found.get(EXACT_CELLS, {})
            quality = (
                [f"{at['radius']:.2f}", f"{1000 * at['gained']:.2f}"] if "radius" in at else []
            )
            rows.append([f"`{strategy}`", title, *cells, *(quality or ["", ""])])
    head = ["strategy", "library", *(f"{n:,}" for n in sizes), "radius", "coverage gained x 1000"]
    runs = max(each.get("runs", 1) for each in measured)
    said = [
        "Seconds of the processor and the highest memory of the process in MiB, mapped files "
        f"included; radius and coverage of the choice from {EXACT_CELLS:,}."
    ]
    if runs > 1:
        said.append(f"Under a second: the median of {runs} choices.")
    said += [f"Not installed: {name}." for name in absent(facts["asked"]["libraries"])]
    return f"{markdown(head, rows)}\n\n{' '.join(said)}"


def _cell(each: dict[str, Any]) -> str:
    if "gave_up" in each:
        return str(each["gave_up"])
    return f"{_seconds(each)}, {each['peak_mib']:,.0f}"


def _seconds(each: dict[str, Any]) -> str:
    seconds = each["cpu_seconds"]
    if seconds < 0.001:
        return "under 1 ms"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def draw(facts: dict[str, Any], path: Path) -> None:
    """Draw time and memory over the number of candidates, as PNG and SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    on_scores = ("random", "entropy", "least-confidence", "margin", "bald", "committee")
    for column, (title, chosen) in enumerate(
        {
            "by scores": on_scores,
            "by embeddings": tuple(name for name in STRATEGIES if name not in on_scores),
        }.items()
    ):
        for place, (key, unit) in enumerate(
            {"cpu_seconds": "processor seconds", "peak_mib": "highest memory, MiB"}.items()
        ):
            axes = panels[place, column]
            for number, strategy in enumerate(chosen):
                for library, style in {
                    "cellquery": "o-",
                    "scikit-activeml": "s--",
                    "baal": "^:",
                }.items():
                    points = [
                        (each["cells"], max(each[key], 1e-3))
                        for each in facts["measured"]
                        if (each["strategy"], each["library"]) == (strategy, library)
                        and key in each
                    ]
                    if points:
                        name = strategy if library == "cellquery" else None
                        axes.plot(
                            *zip(*points, strict=True),
                            style,
                            color=f"C{number}",
                            label=name,
                            markersize=4,
                            alpha=1 if library == "cellquery" else 0.6,
                        )
            axes.set(xscale="log", yscale="log", ylabel=unit)
            axes.grid(alpha=0.3)
            if place == 0:
                axes.set_title(f"Strategies that choose {title}")
                axes.legend(fontsize=8)
            else:
                axes.set_xlabel("candidates")
                axes.axhline(4096, color="grey", linewidth=1)
                axes.text(1_000, 4300, "4 GiB", fontsize=8, color="grey")
    figure.suptitle(
        "1,000 cells chosen (100 of 1,000): cellquery solid, scikit-activeml dashed, Baal dotted"
    )
    for suffix in (".png", ".svg"):
        figure.savefig(path.with_suffix(suffix), dpi=120)


def main() -> None:
    """Measure what is missing and write it into a page."""
    parser = argparse.ArgumentParser(prog="python -m bench.selection", description=__doc__)
    parser.add_argument("--kept", type=Path, default=Path("results/bench"))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    bench = Bench(asked.kept, asked.work)
    facts = bench.part("selection", terms(bench), lambda: measure(bench))
    print(table(facts))
    if asked.page:
        place_table(asked.page, "selection", table(facts))
    if asked.plot:
        draw(facts, asked.plot)


if __name__ == "__main__":
    main()
