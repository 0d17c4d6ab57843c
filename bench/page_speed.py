"""How long a key press takes to the next cell, in Chromium, idle and while a network is trained.

Run: python -m bench.page_speed [--rounds 40] [--cells 1500]

Labels synthetic cells by keyboard as a campaign asks for them. The last label of each batch starts
a training, of a small network so that there are many rounds in little time; the cells that follow
are labelled while it runs on the same cores. Prints a Markdown table: key press to the next cell
drawn, as the page itself measures it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from cellquery.annotation.ranking import Ranking
from cellquery.campaign.records import round_folder
from cellquery.core.provenance import provenance
from cellquery.data import Project
from cellquery.data.synthetic import into_project, synthetic_settings
from tests.browser import Served, browser, shown, sign_in

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


def main() -> None:
    """Make cells, label them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print(f"making {asked.cells} synthetic cells", file=sys.stderr)
        made = into_project(
            asked.cells, synthetic_settings(n_specimens=60, seed=0), folder / "cells"
        )
        made.save_split("all", {"pool": made.manifest()["cell_id"].to_pylist()}, {})
        # Cells labelled ahead, and those that the page held when a batch was asked for, count too.
        budget = min(40 + 3 * PER_ROUND * (asked.rounds + 2), asked.cells)
        text = SETTINGS.format(budget=budget, per_round=PER_ROUND)
        (folder / "settings.toml").write_text(text)
        options = ["--split", "all", "--pool", "pool", "--settings", str(folder / "settings.toml")]
        served = Served(folder / "cells", folder / "serve.log", options)
        try:
            with browser() as chromium:
                page = sign_in(chromium, served.start())
                report(measured(page, made, asked.rounds))
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


def report(found: dict[str, list[float]]) -> None:
    """Print the table."""
    print("| key press to the next cell | keys | 50th | 95th | 99th percentile | longest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in found.items():
        if values:
            ms = [*np.percentile(values, (50, 95, 99)), max(values)]
            shown_ms = " | ".join(f"{each:.0f} ms" for each in ms)
            print(f"| {name} | {len(values)} | {shown_ms} |")
    about = provenance()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\n{about['processor']}, {os.cpu_count()} cores; load of 1, 5, 15 minutes: {load}.")


if __name__ == "__main__":
    main()
