"""Draws the documentation's pictures of the page from `make demo-annotate`'s project.

Run: python frontend/screenshots.py PROJECT, after `make demo-annotate` has made it; part of
`make pictures`. Labels what the campaign asks for by the known patterns until the network has
learnt, then takes a picture of each view.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from cellquery.annotation.trainer import trainer_state
from cellquery.data import Project

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WRONG = "3"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(source: Path, path: Path) -> None:
    """Serve a copy of the project, label, and take the pictures."""
    shutil.copytree(source, path, ignore=shutil.ignore_patterns("annotation"))
    project = Project.open(path)
    manifest = project.manifest()
    pairs = zip(manifest["cell_id"].to_pylist(), manifest["pattern"].to_pylist(), strict=True)
    keys = {cell: str(1 + project.patterns.index(pattern)) for cell, pattern in pairs}
    initial = path / "models" / "initial" / "model.safetensors"
    settings = Path(__file__).with_name("demo-annotate.toml")
    options = ["--split", "parts", "--pool", "train", "--rehearse", "test", "--port", "0"]
    options += ["--initial", str(initial), "--settings", str(settings)]
    with tempfile.TemporaryFile("w+") as log, sync_playwright() as playwright:
        command = [sys.executable, "-m", "cellquery", "serve", str(path), *options]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            link = None
            while link is None:
                time.sleep(0.2)
                log.seek(0)
                link = re.search(r"http://\S+", log.read())
                if server.poll() is not None:
                    log.seek(0)
                    sys.exit(log.read())
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=ARGUMENTS
            )
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(link.group())
            rounds = path / "annotation" / "campaign" / "rounds"
            n_labels = 0
            while not (rounds / "002" / "round.json").exists():
                time.sleep(0.3)
                if trainer_state(project)["state"] != "waiting":
                    # On a slow machine the budget would be spent before the second round.
                    continue
                page.wait_for_selector("canvas.cell:not([hidden])", timeout=120_000)
                cell = page.get_attribute("section.single", "data-cell")
                if cell:
                    n_labels += 1
                    # Now and then a wrong one, for the review to find.
                    page.keyboard.press(keys[cell] if n_labels % 12 else WRONG)
            page.wait_for_selector("canvas.cell:not([hidden])", timeout=120_000)
            time.sleep(2)
            page.keyboard.press("s")
            page.keyboard.press("n")
            time.sleep(1)
            page.screenshot(path=IMAGES / "page-label.png")
            page.set_viewport_size({"width": 820, "height": 1180})
            page.screenshot(path=IMAGES / "page-tablet.png")
            page.set_viewport_size({"width": 1280, "height": 800})
            for view in ("Grid", "Specimens", "Review", "Gallery", "Progress"):
                page.click(f"nav >> text={view}")
                if view == "Specimens":
                    page.locator(".list button").nth(2).click()
                if view == "Gallery":
                    page.locator("select[aria-label=order]").select_option("uncertain")
                time.sleep(2)
                if view == "Grid":
                    page.keyboard.press("g")
                    time.sleep(1)
                if view == "Review":
                    page.click("text=likely errors")
                    time.sleep(2)
                    page.locator(".tile").first.click()
                    time.sleep(1)
                page.screenshot(path=IMAGES / f"page-{view.lower()}.png")
            browser.close()
        finally:
            server.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]), Path(temporary) / "demo-annotate")
