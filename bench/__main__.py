"""Every comparison, or some, into one table: what `make bench` runs.

    python -m bench [ONLY ...] [--project PROJECT] [--threads N] [--page docs/speed.md]

Each comparison runs in a process of its own, and what is finished is kept under ``results/bench``,
so that an interrupted run goes on; remove a file there to measure it anew.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.record import Bench, markdown
from cellquery.core import RESEARCH_USE_ONLY, CellqueryError
from cellquery.core.durable import make_folder, write_json
from cellquery.experiments.table import place_table

COMPARISONS = {
    "campaign": "bench.campaign",
    "selection": "bench.selection",
    "inference": "bench.inference",
    "training": "bench.training_rate",
    "import": "bench.import_rate",
    "audit": "bench.audit_rate",
    "annotation": "bench.annotation_load",
    "page": "bench.page_speed",
}


def main() -> int:
    """Run what was asked for; return the status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"some of {', '.join(COMPARISONS)}; all if none")
    parser.add_argument("--smoke", action="store_true", help="as small as can be, in seconds")
    parser.add_argument("--kept", type=Path, default=Path("results/bench"))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument("--project", type=Path, help="real cells, with the split 'roles'")
    parser.add_argument("--folds", type=Path, help="a seed of an experiment on it, with fold-*")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", type=Path, help="the page that the tables are written into")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    bench = Bench(asked.kept, asked.work, asked.smoke, asked.project, asked.folds, asked.threads)
    try:
        if asked.part:
            measure(bench, asked.part)
        else:
            run(bench, asked.only, asked.page)
    except CellqueryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def measure(bench: Bench, name: str) -> None:
    """Measure one comparison, here."""
    module = importlib.import_module(COMPARISONS[name])
    terms = module.terms(bench) if hasattr(module, "terms") else {}
    bench.part(name, terms, lambda: module.measure(bench))


def run(bench: Bench, only: list[str], page: Path | None) -> None:
    """Measure comparisons, each in a process of its own, and show what is known of all."""
    unknown = [name for name in only if name not in COMPARISONS]
    if unknown:
        raise CellqueryError(
            "ONLY", f"no comparison '{unknown[0]}'", f"choose from {', '.join(COMPARISONS)}"
        )
    environment = {**os.environ, "OMP_NUM_THREADS": str(bench.threads)}
    failed = []
    for name in only or COMPARISONS:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        if bench.smoke:
            measure(bench, name)
            continue
        command = [sys.executable, "-W", "ignore", "-m", "bench", *sys.argv[1:], "--part", name]
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(name)
    known = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in COMPARISONS
        if (path := bench.kept / f"{name}.json").exists()
    }
    make_folder(bench.kept)
    write_json(bench.kept / "bench.json", {"notice": RESEARCH_USE_ONLY, "measured": [*known]})
    text = tables(known)
    print(text)
    if page is not None:
        place_table(page, "bench", text)
    if failed:
        raise CellqueryError(
            ", ".join(failed), "not measured", "mend what the lines above name and go on"
        )


def tables(known: dict[str, dict[str, Any]]) -> str:
    """Return the table of all comparisons, each one's own below, and the machines."""
    modules = {name: importlib.import_module(COMPARISONS[name]) for name in known}
    lines = [line for name, facts in known.items() for line in modules[name].lines(facts)]
    head = ["what", "cellquery", "beside", "ratio"]
    parts = [markdown(head, [[line.what, line.ours, line.beside, line.ratio] for line in lines])]
    for name, facts in known.items():
        parts += [f"### {modules[name].TITLE}", modules[name].table(facts), machine(facts)]
    return "\n\n".join([*parts, RESEARCH_USE_ONLY])


def machine(facts: dict[str, Any]) -> str:
    """Return in words what facts were measured on."""
    threads = facts["asked"]["threads"]
    versions = ", ".join(f"{name} {facts['packages'][name]}" for name in ("torch", "numpy"))
    return (
        f"{facts['processor']}, {facts['cores']} cores, {threads} threads, load {facts['load']}; "
        f"cellquery {facts['revision'] or facts['cellquery']}, Python {facts['python']}, "
        f"{versions}; {facts['started'][:10]}."
    )


if __name__ == "__main__":
    sys.exit(main())
