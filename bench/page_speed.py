"""How long a key press takes to the next cell, in Chromium, idle and while a network is trained.

    make bench ONLY=page

Labels synthetic cells by keyboard as a campaign asks for them. The last label of each batch starts
a training, of a small network so that there are many rounds in little time; the cells that follow
are labelled while it runs on the same cores. Measured by the page itself: key press to the next
cell drawn.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from bench.record import Bench, Line, markdown
from cellquery.annotation.ranking import Ranking
from cellquery.campaign.records import round_folder
from cellquery.data import Project
from cellquery.data.synthetic import into_project, synthetic_settings
from tests.browser import Served, browser, shown, sign_in

TITLE = "Annotation, one person's keys"
PER_ROUND, AHEAD = 8, 5
SETTINGS = """
budget = {budget}
first = 40
per_round = {per_round}
[train]
rehearsal = 0.0
inputs.side_px = 32
max_epochs = 30
[final]
rehearsal = 0.0
inputs.side_px = 32
max_epochs = 1
min_steps = 0
"""


def measure(bench: Bench) -> dict[str, Any]:
    """Make cells, label them, and return milliseconds by what went on meanwhile."""
    n_cells, n_rounds = (120, 1) if bench.smoke else (400, 4)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = into_project(n_cells, synthetic_settings(n_specimens=60, seed=0), folder / "cells")
        made.save_split("all", {"pool": made.manifest()["cell_id"].to_pylist()}, {})
        # Cells labelled ahead, and those that the page held when a batch was asked for, count too.
        budget = min(40 + 3 * PER_ROUND * (n_rounds + 2), n_cells)
        text = SETTINGS.format(budget=budget, per_round=PER_ROUND)
        (folder / "settings.toml").write_text(text)
        options = ["--split", "all", "--pool", "pool", "--settings", str(folder / "settings.toml")]
        served = Served(folder / "cells", folder / "serve.log", options, fresh=True)
        try:
            with browser() as chromium:
                page = sign_in(chromium, served.start())
                return {"cells": n_cells, "ms": measured(page, made, n_rounds)}
        finally:
            served.stop()


def measured(page: Page, project: Project, n_rounds: int) -> dict[str, list[float]]:
    """Label, and return milliseconds from key press to next cell by what went on meanwhile."""
    manifest = project.manifest()
    pairs = zip(manifest["cell_id"].to_pylist(), manifest["pattern"].to_pylist(), strict=True)
    keys = {cell: str(1 + project.patterns.index(pattern)) for cell, pattern in pairs}
    ranking = Ranking(project.path / "annotation" / "campaign", list(keys), 0)
    found: dict[str, list[float]] = {"idle": [], "last of a batch": [], "training": []}
    done: set[str] = set()

    def label() -> float:
        page.wait_for_selector("canvas.cell:not([hidden])")
        cell = shown(page)
        n_before = page.evaluate("performance.getEntriesByName('next-cell').length")
        page.keyboard.press(keys[cell])
        page.wait_for_function(
            "n => performance.getEntriesByName('next-cell').length > n", arg=n_before
        )
        done.add(cell)
        time.sleep(0.2)
        duration: float = page.evaluate("performance.getEntriesByName('next-cell').at(-1).duration")
        return duration

    for number in range(n_rounds):
        folder = round_folder(ranking.root, number)
        while not folder.standing.exists():
            time.sleep(0.1)
        ranking.refresh()
        # What the page holds is ranked anew when it next asks.
        time.sleep(1)
        while left := set(ranking.asked) - done:
            name = "last of a batch" if left == {shown(page)} else "idle"
            found[name].append(label())
        n_ahead = 0
        while not folder.done and n_ahead < AHEAD:
            found["training"].append(label())
            n_ahead += 1
        print(f"round {number}: {n_ahead} labels while it was trained", file=sys.stderr)
    return found


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return the 95th percentile idle, and while a network is trained."""
    return [
        Line(f"key press to the next cell, {name}", f"95th percentile {q95:.0f} ms")
        for name, values in facts["ms"].items()
        if values and name != "last of a batch"
        for q95 in [np.percentile(values, 95)]
    ]


def table(facts: dict[str, Any]) -> str:
    """Return percentiles by what went on meanwhile."""
    head = ["key press to the next cell", "keys", "50th", "95th", "99th percentile", "longest"]
    rows = []
    for name, values in facts["ms"].items():
        if values:
            ms = [*np.percentile(values, (50, 95, 99)), max(values)]
            rows.append([name, str(len(values)), *(f"{each:.0f} ms" for each in ms)])
    return markdown(head, rows)
