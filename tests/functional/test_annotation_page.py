"""Journeys through the annotation page in a real browser, on a real server."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

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

pytestmark = pytest.mark.timeout(280)


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


class Hold:
    """Requests to an address, held back until they are let go: their order is certain."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.held, self.holds = page, list[Route](), True
        page.route(re.compile(address), self._take)

    def _take(self, route: Route) -> None:
        if self.holds:
            self.held.append(route)
        else:
            route.continue_()

    def wait(self) -> None:
        """Wait until one is held."""
        end = time.monotonic() + 60
        while not self.held:
            assert time.monotonic() < end, "waited in vain"
            self.page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Send them on, and wait until the page has had the answers."""
        self.holds = False
        for route in self.held:
            with self.page.expect_response(route.request.url) as answer:
                route.continue_()
            answer.value.finished()
        self.page.wait_for_timeout(300)


def specimens_of_tiles(page: Page) -> Counter[str]:
    """How many tiles each specimen has."""
    labels = page.locator(".tile").evaluate_all("all => all.map(e => e.ariaLabel)")
    return Counter(label.split("specimen ")[1].split(".")[0] for label in labels)


def wait_for_pictures_ahead(page: Page) -> None:
    """Wait until the picture on the screen and those of the eight cells ahead have come."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').filter("
        "e => e.name.includes('/api/pixels') && e.responseEnd > 0).length >= 9"
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
    assert shown(page) == seen[0]
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
    assert shown(page) != first
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


def open_grid(page: Page) -> None:
    page.click("nav >> text=Grid")
    page.wait_for_selector(".tile")


def test_many_cells_by_one_key_in_the_grid(chromium: Browser, serve: Callable[..., Served]) -> None:
    served = serve()
    page = sign_in(chromium, served.start())
    until(lambda: (served.project / "annotation/campaign/rounds/000/standing.parquet").exists())
    open_grid(page)
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


def test_a_key_never_names_cells_that_were_given_back(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    open_grid(page)
    page.locator(".tiles h2 button").first.click()
    held = Hold(page, "/api/turns$")
    page.keyboard.press("r")
    held.wait()
    page.keyboard.press("1")
    page.wait_for_selector("text=select cells first")
    assert page.locator(".tile").count() == 0
    held.let_go()
    page.wait_for_selector(".tile")
    all_stored(page)
    assert history(served) == []


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


def test_a_specimen_of_more_cells_than_are_shown_is_named_in_parts(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    # As if four were five hundred, the most that are shown.
    page.route(
        "**/api/gallery*",
        lambda route: route.continue_(url=route.request.url.replace("n=500", "n=4")),
    )
    page.click("nav >> text=Specimens")
    first = page.locator(".list button").first
    n_cells = int(re.search(r"of (\d+) unread", first.inner_text())[1])  # type: ignore[index]
    assert n_cells > 4
    first.click()
    while True:
        shown_now = min(4, n_cells - len(history(served)))
        page.wait_for_selector(f"text=one key names {shown_now} of 4")
        assert f"; {n_cells - 4} more of its cells are not shown" in page.inner_text("aside")
        if shown_now == 0:
            break
        page.keyboard.press("4")
        all_stored(page)
    assert len(history(served)) == n_cells


def test_the_chosen_specimens_cells_are_on_the_screen(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.set_viewport_size({"width": 1280, "height": 600})
    page.click("nav >> text=Specimens")
    last = page.locator(".list button").last
    last.scroll_into_view_if_needed()
    page.mouse.move(640, 300)
    page.mouse.wheel(0, 2000)
    page.wait_for_function("scrollY > 200")
    last.click()
    page.wait_for_selector('.tile[aria-selected="true"]')
    # What a key would name, and how many.
    expect(page.locator(".tile").first).to_be_in_viewport(ratio=1)
    expect(page.locator("text=one key names")).to_be_in_viewport(ratio=1)


def test_a_zoomed_window_has_the_cells_beside_the_buttons(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    beside = (
        "document.querySelector('.tile').getBoundingClientRect().left"
        " > document.querySelector('aside').getBoundingClientRect().right"
    )
    for view in ("Grid", "Gallery", "Specimens"):
        page.click(f"nav >> text={view}")
        if view == "Specimens":
            page.locator(".list button").first.click()
        page.wait_for_selector(".tile")
        for width in (853, 640):
            page.set_viewport_size({"width": width, "height": 480})
            page.evaluate("scrollTo(0, 0)")
            assert page.evaluate(beside), (view, width)
            expect(page.locator(".tile").first).to_be_in_viewport(ratio=1)


def test_what_cannot_be_done_is_told_with_its_reason(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    open_grid(page)
    page.click("text=by the network")
    page.keyboard.press("Enter")
    page.wait_for_selector(".message >> text=no suggestion yet")
    page.click("nav >> text=Accounts")
    page.fill('[aria-label="name"]', "a" * 80)
    page.click("text=make an account")
    page.wait_for_selector(".message >> text=use up to 64 letters")


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
    assert shown(ben) == cell
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


def test_a_key_that_is_held_down_names_one_cell(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    wait_for_pictures_ahead(page)
    first = shown(page)
    for _ in range(5):
        page.keyboard.down("1")
        page.wait_for_timeout(100)
    page.keyboard.up("1")
    all_stored(page)
    assert [cell for cell, *_ in history(served)] == [first]
    page.keyboard.press("2")
    page.keyboard.press("z")
    page.keyboard.press("z")
    page.wait_for_selector(f'section.single[data-cell="{first}"]')
    until(lambda: [kind for _, _, kind, *_ in history(served)].count("withdrawn") == 2)


def test_an_undo_whose_answer_is_lost_takes_nothing_more(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    wait_for_pictures_ahead(page)
    cells = []
    for key in "12":
        cells.append(shown(page))
        page.keyboard.press(key)
        all_stored(page)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/undo", lose)
    page.keyboard.press("z")
    page.wait_for_selector("text=no connection: try again when it is back")
    page.unroute("**/api/undo")
    page.keyboard.press("z")
    page.wait_for_function(
        "c => document.querySelector('.single').dataset.cell === c", arg=cells[1]
    )
    assert len(history(served)) == 3


def test_two_pages_of_one_reader_lose_none_of_each_others_labels(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    wait_for_pictures_ahead(page)
    beside = page.context.new_page()
    beside.goto(page.url.split("#")[0])
    beside.wait_for_selector("section.single[data-cell]")
    wait_for_pictures_ahead(beside)
    page.context.route("**/api/annotations", lambda route: route.abort())
    named = []
    for each, key in ((page, "1"), (beside, "2"), (page, "3")):
        named.append(shown(each))
        each.keyboard.press(key)
        each.wait_for_function(
            "c => document.querySelector('.single').dataset.cell !== c", arg=named[-1]
        )
    beside.close(run_before_unload=False)
    page.context.unroute("**/api/annotations")
    page.reload()
    all_stored(page)
    until(lambda: len(history(served)) == 3)
    assert sorted(cell for cell, *_ in history(served)) == sorted(named)


def test_a_lost_connection_loses_nothing_and_stores_nothing_twice(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    wait_for_pictures_ahead(page)
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
    wait_for_pictures_ahead(page)
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


def test_a_key_never_names_cells_of_the_specimen_before(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.click("nav >> text=Specimens")
    specimens = page.locator(".list button")
    specimens.nth(0).click()
    page.wait_for_selector('.tile[aria-selected="true"]')
    first = set(specimens_of_tiles(page))
    held = Hold(page, "/api/gallery")
    specimens.nth(1).click()
    held.wait()
    page.keyboard.press("4")
    page.wait_for_selector("text=choose a specimen and select cells first")
    # The second comes after the third has been asked for and has come.
    held.holds = False
    specimens.nth(2).click()
    page.wait_for_selector('.tile[aria-selected="true"]')
    third = set(specimens_of_tiles(page))
    held.let_go()
    assert set(specimens_of_tiles(page)) == third != first
    assert f"Specimen {third.copy().pop()}:" in page.inner_text(".facts >> nth=0")
    page.keyboard.press("5")
    all_stored(page)
    manifest = Project.open(served.project).manifest()
    ids, of = manifest["cell_id"].to_pylist(), manifest["specimen"].to_pylist()
    specimen = dict(zip(ids, of, strict=True))
    until(lambda: len(history(served)) > 0)
    assert {specimen[cell] for cell, *_ in history(served)} == third


def test_a_late_answer_changes_neither_tiles_nor_selection(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    page.click("nav >> text=Gallery")
    page.wait_for_selector(".tile")
    (slow, _), (fast, n_fast) = specimens_of_tiles(page).most_common(2)
    assert n_fast >= 3
    # The specimen asked for first is answered last.
    held = Hold(page, f"/api/gallery.*specimen={slow}")
    for specimen in (slow, fast):
        page.locator("input[aria-label=specimen]").fill(specimen)
        page.locator("input[aria-label=specimen]").press("Enter")
    page.wait_for_selector(f"text=of {n_fast}")
    held.wait()
    held.let_go()
    assert specimens_of_tiles(page) == {fast: n_fast}
    assert f"of {n_fast}" in page.inner_text("aside")
    # What is told of one cell comes when two are selected.
    selected = page.locator('.tile[aria-selected="true"]')
    held = Hold(page, "/api/cell[?]")
    page.locator(".tile").nth(0).click()
    held.wait()
    page.locator(".tile").nth(1).click()
    held.let_go()
    assert page.inner_text(".details") == "2 selected"
    # The reader goes on while the named cells come anew.
    held = Hold(page, "/api/gallery")
    page.keyboard.press("1")
    held.wait()
    assert selected.count() == 0
    page.locator(".tile").nth(2).click()
    third = selected.get_attribute("data-cell")
    held.let_go()
    page.wait_for_function("() => document.querySelectorAll('.tile .note').length === 2")
    assert selected.count() == 1
    assert selected.get_attribute("data-cell") == third
    all_stored(page)
    assert third not in {cell for cell, *_ in history(served)}


def test_a_cell_takes_no_label_before_its_picture_is_seen(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    held = Hold(page, "/api/pixels")
    page.reload()
    held.wait()
    # Only the first one's comes.
    held.held.pop(0).continue_()
    page.wait_for_selector("canvas.cell:not([hidden])")
    first = shown(page)
    page.keyboard.press("1")
    page.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=first)
    second = page.get_attribute(".single", "data-cell")
    assert page.locator("canvas.cell").is_hidden(), "the picture of the cell before is left"
    page.keyboard.press("2")
    page.wait_for_selector("text=wait for the picture")
    assert page.get_attribute(".single", "data-cell") == second
    # One that is lost is asked for again.
    held.held.pop(0).abort()
    held.let_go()
    assert shown(page) == second
    page.keyboard.press("3")
    all_stored(page)
    until(lambda: len(history(served)) == 2)
    patterns = Project.open(served.project).patterns
    assert [(cell, pattern) for cell, _, _, pattern in history(served)] == [
        (first, patterns[0]),
        (second, patterns[2]),
    ]


def test_what_holds_is_said_again_after_what_passes(
    chromium: Browser, serve: Callable[..., Served]
) -> None:
    served = serve("--no-training")
    page = sign_in(chromium, served.start())
    wait_for_pictures_ahead(page)
    page.context.set_offline(True)
    page.keyboard.press("1")
    page.wait_for_selector("text=your labels are kept here and sent later")
    page.keyboard.press("z")
    page.wait_for_selector("text=undo when it is back")
    page.wait_for_selector("text=your labels are kept here and sent later", timeout=15_000)
    page.context.set_offline(False)
    page.wait_for_selector("text=connected again")
    page.wait_for_function(
        "() => document.querySelector('.message').textContent === ''", timeout=15_000
    )


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


@pytest.mark.alone
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
