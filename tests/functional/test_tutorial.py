"""The ten minutes of docs/annotation.md, as they are written: commands typed, steps taken."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from cellquery.data import Project
from cellquery.data.synthetic import into_project, synthetic_settings
from tests import browser as tools
from tests.browser import Served, all_stored, shown, sign_in

PAGE = Path(__file__).parents[2] / "docs" / "annotation.md"
N_CELLS = 240

pytestmark = pytest.mark.timeout(280)

Step = Callable[[Page], None]


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with tools.browser() as opened:
        yield opened


def changed(page: Page, key: str) -> None:
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=before)
    all_stored(page)


def a_number_key(page: Page) -> None:
    changed(page, "1")


def skip_unsure_and_back(page: Page) -> None:
    changed(page, " ")
    unsure = shown(page)
    changed(page, "u")
    page.keyboard.press("z")
    page.wait_for_function("c => document.querySelector('.single').dataset.cell === c", arg=unsure)


def neighbours_suggestion_and_keys(page: Page) -> None:
    page.keyboard.press("n")
    page.wait_for_selector(".neighbours canvas")
    page.keyboard.press("s")
    page.wait_for_function("() => document.querySelector('.suggestion').textContent !== ''")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")


def two_in_the_grid(page: Page) -> None:
    page.click("nav >> text=Grid")
    page.wait_for_selector(".tile")
    page.locator(".tile").nth(0).click()
    page.locator(".tile").nth(1).click()
    page.keyboard.press("2")
    page.wait_for_selector("text=keys or clicks a label")
    all_stored(page)


def a_specimen_but_one(page: Page) -> None:
    page.click("nav >> text=Specimens")
    page.locator(".list button").first.click()
    page.wait_for_selector('.tile[aria-selected="true"]')
    page.locator('.tile[aria-selected="true"]').first.click()
    page.keyboard.press("3")
    all_stored(page)


def another_label_in_review(page: Page) -> None:
    page.click("nav >> text=Review")
    page.click("text=my last hundred")
    page.wait_for_selector(".tile")
    cell = page.locator(".tile").first.get_attribute("data-cell")
    page.locator(".tile").first.click()
    page.wait_for_selector(".history li")
    page.keyboard.press("6")
    all_stored(page)
    page.locator(f'.tile[data-cell="{cell}"]').click()
    page.wait_for_selector(".history >> text=Golgi")


def counted(page: Page) -> None:
    page.click("nav >> text=Progress")
    page.wait_for_selector(".cards >> text=/[1-9]\\d* of \\d+/")


# What each step of the page stands for; a step that is not here, or no longer there, is a fault.
STEPS: dict[str, Step] = {
    "Press a number key": a_number_key,
    "Press `space` to skip a cell": skip_unsure_and_back,
    "Press `n` for neighbours": neighbours_suggestion_and_keys,
    "Open *Grid*": two_in_the_grid,
    "Open *Specimens*": a_specimen_but_one,
    "Open *Review*": another_label_in_review,
    "Open *Progress*": counted,
}


def my_cells(folder: Path) -> None:
    """A folder of images and a table of their specimens, as a laboratory has them."""
    made = into_project(N_CELLS, synthetic_settings(n_specimens=12, seed=2), folder / "made")
    store, manifest = made.store(), made.manifest()
    (folder / "my-cells").mkdir()
    ids = manifest["cell_id"].to_pylist()
    for cell in ids:
        Image.fromarray(np.asarray(store.pixels(cell))).save(folder / "my-cells" / f"{cell}.png")
    with open(folder / "specimens.csv", "w", newline="") as file:
        rows = zip(ids, manifest["specimen"].to_pylist(), strict=True)
        csv.writer(file).writerows([("id", "specimen"), *rows])
    shutil.rmtree(folder / "made")


def test_the_ten_minutes_are_as_they_are_written(chromium: Browser, tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8").split("## Ten minutes\n")[1].split("\n## ")[0]
    parts = re.findall(r"```console\n((?:.+\n)+)```|^\d+\. (.+)$", text, re.MULTILINE)
    steps = [step for _, step in parts if step]
    assert [next((key for key in STEPS if step.startswith(key)), step) for step in steps] == [
        *STEPS
    ]
    my_cells(tmp_path)
    served: Served | None = None
    page: Page | None = None
    try:
        for block, step in parts:
            for line in block.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "cellquery"
                if arguments[0] == "serve":
                    # As typed, but for the port: 8000 may be another's.
                    served = Served(tmp_path / arguments[1], tmp_path / "log", arguments[2:])
                    page = sign_in(chromium, served.start())
                    continue
                if served is not None:
                    served.stop()
                run = [sys.executable, "-m", program, *arguments]
                done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
            if step:
                assert page is not None
                next(run for key, run in STEPS.items() if step.startswith(key))(page)
    finally:
        if served is not None:
            served.stop()
    assert tools.FAULTS == []
    with open(tmp_path / "labels.csv", newline="") as file:
        labels = {row["cell_id"]: row["label"] for row in csv.DictReader(file)}
    assert len(labels) > 4
    assert labels.keys() <= set(Project.open(tmp_path / "project").store().ids)
    assert "golgi" in labels.values()
    assert (tmp_path / "labels.backup").stat().st_size > 0
