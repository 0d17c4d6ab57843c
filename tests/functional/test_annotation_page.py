"""Journeys through the annotation page in a real browser, on a real server."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from cellquery.annotation import open_database
from cellquery.data import Project
from cellquery.storage import Annotations
from tests import browser as tools
from tests.browser import Served, all_stored, shown, sign_in

SETTINGS = """
budget = 30
first = 12
per_round = 6
audit_cells = 6
[train]
inputs.side_px = 16
max_epochs = 2
rehearsal = 0.0
[final]
inputs.side_px = 16
max_epochs = 2
min_steps = 0
rehearsal = 0.0
"""

# Enough for several readers without any training.
MUCH = SETTINGS.replace("budget = 30", "budget = 72").replace("first = 12", "first = 60")

pytestmark = [pytest.mark.timeout(280), pytest.mark.alone]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with tools.browser() as opened:
        yield opened


@pytest.fixture
def serve(
    synthetic_project: Path, tmp_path: Path, chromium: Browser
) -> Iterator[Callable[..., Served]]:
    """A function that returns a server, not yet started, on a copy of the synthetic cells."""
    servers = []

    def serve(*options: str, settings: str = MUCH, database: str | None = None) -> Served:
        project = tmp_path / "cells"
        shutil.copytree(synthetic_project, project)
        (tmp_path / "settings.toml").write_text(settings)
        given = [
            "--split",
            "random",
            "--pool",
            "train",
            "--settings",
            str(tmp_path / "settings.toml"),
        ]
        servers.append(Served(project, tmp_path / "serve.log", [*given, *options], database))
        return servers[-1]

    yield serve
    for context in chromium.contexts:
        context.close()
    for each in servers:
        each.stop()
    assert tools.FAULTS == []


def truth(served: Served) -> dict[str, str]:
    """The key of each cell's pattern."""
    project = Project.open(served.project)
    manifest = project.manifest()
    pairs = zip(manifest["cell_id"].to_pylist(), manifest["pattern"].to_pylist(), strict=True)
    return {cell: str(1 + project.patterns.index(pattern)) for cell, pattern in pairs}


def history(served: Served) -> list[tuple[str, str, str, str | None]]:
    """All annotations in the database: (cell, annotator, kind, pattern)."""
    database = open_database(Project.open(served.project), served.database)
    found = Annotations(database).since()
    database.close()
    return [(each.cell_id, each.annotator, each.kind, each.pattern) for each in found]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def label_one(page: Page, keys: dict[str, str]) -> None:
    before = shown(page)
    page.keyboard.press(keys[before])
    page.wait_for_function(
        "before => { const view = document.querySelector('section.single');"
        " const empty = document.querySelector('.empty');"
        " return view.dataset.cell !== before || empty.textContent !== ''; }",
        arg=before,
    )


def test_a_whole_campaign_by_keyboard_to_its_end(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve(settings=SETTINGS)
    page = sign_in(chromium, served.start())
    keys = truth(served)
    assert "For Research Use Only" in page.inner_text("footer")
    assert "synthetic" in page.inner_text("header")
    for _ in range(200):
        page.wait_for_function(
            "() => document.querySelector('.empty').dataset.done === 'true'"
            " || !document.querySelector('canvas.cell').hidden"
        )
        if page.get_attribute(".empty", "data-done") == "true":
            break
        if shown(page):
            label_one(page, keys)
    else:
        pytest.fail("the campaign did not end")
    all_stored(page)
    final = json.loads((served.project / "annotation/campaign/final/final.json").read_text())
    assert final["ended"] == "the budget is spent"
    cells = [cell for cell, *_ in history(served)]
    assert len(cells) == len(set(cells))
    assert 30 <= len(cells) <= 30 + 8, "no more than the cells at hand beyond the budget"
    assert (served.project / "annotation/campaign/final/model.safetensors").exists()
    latencies = page.evaluate("performance.getEntriesByName('next-cell').map(e => e.duration)")
    assert len(latencies) >= 20
    page.click("nav >> text=Progress")
    page.wait_for_selector("text=the budget is spent")
    assert "95 % interval" in page.inner_text(".cards")
    with page.expect_download() as record:
        page.click("text=record.html")
    assert "Record of the campaign" in record.value.path().read_text()
    page.click("nav >> text=Gallery")
    page.wait_for_selector(".tile")


def test_undo_goes_back_as_often_as_one_likes(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    seen = []
    for key in "123":
        seen.append(shown(page))
        page.keyboard.press(key)
        page.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=seen[-1]
        )
    for cell in reversed(seen):
        page.keyboard.press("z")
        page.wait_for_function(
            "c => document.querySelector('.single').dataset.cell === c", arg=cell
        )
        assert "Your reading was" in page.inner_text(".facts >> nth=0")
    page.keyboard.press("z")
    page.wait_for_selector("text=nothing left to undo")
    page.keyboard.press("6")
    all_stored(page)
    kinds = Counter(kind for _, _, kind, _ in history(served))
    assert kinds == {"label": 4, "withdrawn": 3}


def test_skip_unsure_suggestion_neighbours_and_the_key_table(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.keyboard.press("n")
    page.wait_for_selector(".neighbours canvas")
    page.keyboard.press("s")
    page.wait_for_selector("text=There is no suggestion yet.")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] >> text=undo, as often as you like")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="hidden")
    first = shown(page)
    page.keyboard.press(" ")
    page.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=first)
    page.keyboard.press("u")
    all_stored(page)
    until(lambda: [kind for _, _, kind, _ in history(served)] == ["skip", "unsure"])


def test_a_key_pressed_as_the_key_table_closes_is_for_the_cell(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    first = shown(page)
    # Until the page is drawn anew, the button in the closed table keeps the focus.
    page.evaluate(
        """() => {
            document.querySelector("dialog").close();
            const space = new KeyboardEvent("keydown", {key: " ", bubbles: true});
            document.activeElement.dispatchEvent(space);
        }"""
    )
    page.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=first)
    all_stored(page)
    until(lambda: [kind for _, _, kind, _ in history(served)] == ["skip"])


def test_many_cells_by_one_key_in_the_grid(chromium: Browser, serve: Callable[..., Served]) -> None:
    served = serve()
    page = sign_in(chromium, served.start())
    until(lambda: (served.project / "annotation/campaign/rounds/000/standing.parquet").exists())
    page.click("nav >> text=Grid")
    page.wait_for_selector(".tile")
    # No network has learnt anything: cells that look alike stand together.
    headings = page.locator(".tiles h2").all_inner_texts()
    assert len(headings) > 3
    assert set(headings) <= {f"Group {number}" for number in range(1, 13)}
    page.locator(".tiles h2 button").first.click()
    n_first = page.locator(".group").first.locator(".tile").count()
    assert page.locator('.tile[aria-selected="true"]').count() == n_first
    page.locator(".tiles h2 button").first.click()
    assert page.locator('.tile[aria-selected="true"]').count() == 0
    page.keyboard.press("Enter")
    page.wait_for_selector("text=group by the network to confirm")
    tiles = page.locator(".tile")
    n_tiles = tiles.count()
    assert n_tiles > 10
    tiles.nth(0).click()
    tiles.nth(3).click(modifiers=["Shift"])
    assert page.locator('.tile[aria-selected="true"]').count() == 4
    page.keyboard.press("1")
    page.wait_for_function("n => document.querySelectorAll('.tile').length === n", arg=n_tiles - 4)
    # By keyboard alone: the first cell, then to the right.
    page.locator(".tile").nth(0).focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("2")
    # And by dragging over three.
    boxes = [page.locator(".tile").nth(i).bounding_box() for i in range(3)]
    middles = [(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes if b]
    page.mouse.move(*middles[0])
    page.mouse.down()
    for middle in middles[1:]:
        page.mouse.move(*middle, steps=4)
    page.mouse.up()
    assert page.locator('.tile[aria-selected="true"]').count() == 3
    page.keyboard.press("3")
    all_stored(page)
    until(lambda: len(history(served)) == 9)
    counts = Counter(pattern for *_, pattern in history(served))
    assert sorted(counts.values()) == [2, 3, 4]
    assert "keys or clicks a label" in page.inner_text("aside")


def test_one_reading_for_a_specimen_with_an_exception(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.click("nav >> text=Specimens")
    page.locator(".list button").first.click()
    page.wait_for_selector('.tile[aria-selected="true"]')
    n_cells = page.locator(".tile").count()
    page.locator(".tile").nth(0).click()
    page.keyboard.press("4")
    all_stored(page)
    until(lambda: len(history(served)) == n_cells - 1)
    assert {pattern for *_, pattern in history(served)} == {"centromere"}


def test_two_readers_and_a_reviewer_who_decides(
    chromium: Browser, serve: Callable[..., Served], url: str
) -> None:
    served = serve("--overlap", "1.0", "--no-training", database=url)
    admin = sign_in(chromium, served.start())
    ana = sign_in(chromium, served.link("ana"))
    seen_by_ana = []
    for _ in range(3):
        seen_by_ana.append(shown(ana))
        ana.keyboard.press("1")
        ana.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=seen_by_ana[-1]
        )
    all_stored(ana)
    until(lambda: len(history(served)) == 3)
    ben = sign_in(chromium, served.link("ben"))
    seen_by_ben = []
    for key in "112":
        assert "An independent reading" in ben.inner_text(".facts >> nth=0")
        seen_by_ben.append(shown(ben))
        ben.keyboard.press(key)
        ben.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=seen_by_ben[-1]
        )
    all_stored(ben)
    assert sorted(seen_by_ben) == sorted(seen_by_ana)
    assert shown(ana) not in seen_by_ana
    until(lambda: len(history(served)) == 6)
    # What two disagree on goes to a reviewer.
    admin.click("nav >> text=Review")
    admin.click("text=readers disagree")
    admin.wait_for_selector(".tile >> text=Homogeneous or Speckled")
    admin.locator(".tile").first.click()
    admin.wait_for_selector(".history >> text=ben")
    admin.keyboard.press("2")
    all_stored(admin)
    until(lambda: len(history(served)) == 7)
    admin.click("text=readers disagree")
    admin.wait_for_function("() => document.querySelectorAll('.tile').length === 0")
    # With a third annotator at work, a third reads first, and is not told of the others.
    ana.keyboard.press("1")
    all_stored(ana)
    until(lambda: len(history(served)) == 8)
    (cell,) = {row[0] for row in history(served)[7:]}
    ben.reload()
    ben.wait_for_selector(f'section.single[data-cell="{cell}"]')
    told_ben = ben.inner_text(".facts >> nth=0")
    ben.keyboard.press("2")
    all_stored(ben)
    cleo = sign_in(chromium, served.link("cleo"))
    assert shown(cleo) == cell
    assert cleo.inner_text(".facts >> nth=0") == told_ben
    cleo.keyboard.press("2")
    all_stored(cleo)
    until(lambda: len(history(served)) == 10)
    admin.click("nav >> text=Gallery")
    admin.locator("select[aria-label=label]").select_option("speckled")
    admin.wait_for_selector(f'.tile[data-cell="{cell}"]')


def test_a_lost_connection_loses_nothing_and_stores_nothing_twice(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    time.sleep(1)
    page.context.set_offline(True)
    seen = []
    for key in "1234":
        seen.append(shown(page))
        page.keyboard.press(key)
        page.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=seen[-1]
        )
    page.wait_for_selector("text=your labels are kept here and sent later")
    assert history(served) == []
    page.context.set_offline(False)
    all_stored(page)
    assert sorted(cell for cell, *_ in history(served)) == sorted(seen)


def test_labels_kept_in_the_page_outlive_a_reload(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    time.sleep(1)
    page.route("**/api/annotations", lambda route: route.abort())
    cell = shown(page)
    page.keyboard.press("5")
    page.wait_for_selector('.sent[data-unsent="1"]')
    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/api/annotations")
    page.reload()
    page.wait_for_selector("canvas.cell:not([hidden])")
    all_stored(page)
    until(lambda: [row[0] for row in history(served)] == [cell])
    assert shown(page) != cell


def test_a_server_killed_in_a_burst_has_every_acknowledged_label_once(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    acknowledged: dict[str, str] = {}

    def note(response: object) -> None:
        if response.url.endswith("/api/annotations") and response.status == 200:  # type: ignore[attr-defined]
            readings = response.request.post_data_json["readings"]  # type: ignore[attr-defined]
            acknowledged.update({each["key"]: each["cell_id"] for each in readings})

    page.on("response", note)
    keys, given = truth(served), []
    for number in range(20):
        if number in (6, 13):
            served.kill()
            served.start()
        page.wait_for_function("() => !document.querySelector('canvas.cell').hidden")
        cell = shown(page)
        given.append(cell)
        page.keyboard.press(keys[cell])
        page.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=cell
        )
    all_stored(page)
    kept = [cell for cell, *_ in history(served)]
    assert sorted(kept) == sorted(given)
    assert len(set(kept)) == 20
    # A label whose acknowledgement the kill cut short is sent under its key again.
    assert len(acknowledged) <= 20
    assert set(acknowledged.values()) <= set(kept)


def test_nobody_waits_while_the_network_trains(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    slow = SETTINGS.replace("max_epochs = 2", "max_epochs = 1000", 1)
    served = serve(settings=slow.replace("budget = 30", "budget = 60"))
    page = sign_in(chromium, served.start())
    keys = truth(served)
    campaign = served.project / "annotation" / "campaign" / "rounds"
    # The campaign has begun: what is measured is training, not the start of its process.
    until(lambda: (campaign.parent / "audit-query.parquet").exists())
    while_training, round_0 = 0, campaign / "000"
    for _ in range(45):
        page.wait_for_function("() => !document.querySelector('canvas.cell').hidden")
        label_one(page, keys)
        while_training += (round_0 / "labels.parquet").exists() and not (
            round_0 / "round.json"
        ).exists()
        # As fast as a reader at best: the process that trains has to take the labels up.
        time.sleep(0.3)
    latencies = page.evaluate("performance.getEntriesByName('next-cell').map(e => e.duration)")
    assert while_training >= 5, "the training was over too soon to tell"
    assert len(latencies) >= 40
    assert np.quantile(latencies, 0.99) < 1000
    assert np.quantile(latencies, 0.95) < 250, "50 ms on an idle machine; here others compute too"
