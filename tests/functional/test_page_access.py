"""The page for everybody: names on all controls, contrast, keyboard focus, fingers on a tablet."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from cellquery.annotation import open_database
from cellquery.data import Project
from cellquery.storage import Leases
from tests import browser as tools
from tests.browser import Served, all_stored, shown, sign_in

VIEWS = ("Label", "Grid", "Specimens", "Review", "Gallery", "Progress", "Accounts")
UPRIGHT, FLAT = (820, 1180), (1180, 820)
FINGER_PX = 44
TOO_WIDE_PX = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
NUMBERS = itertools.count()

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with tools.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def served(synthetic_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("access")
    shutil.copytree(synthetic_project, folder / "cells")
    (folder / "settings.toml").write_text("budget = 72\nfirst = 60\n")
    options = ["--split", "random", "--pool", "train", "--no-training"]
    options += ["--settings", str(folder / "settings.toml")]
    server = Served(folder / "cells", folder / "serve.log", options)
    server.start()
    yield server
    server.stop()
    assert tools.FAULTS == []


@contextmanager
def signed_in(
    chromium: Browser, served: Served, size: tuple[int, int] | None = None
) -> Iterator[Page]:
    """The page of a new administrator; what it holds at the end is given back."""
    name = f"reader-{next(NUMBERS)}"
    page = sign_in(chromium, served.link(name, "administrator"), tablet=size)
    yield page
    page.context.close()
    database = open_database(Project.open(served.project))
    leases = Leases(database)
    leases.give_back(name, [cell for (cell, _), who in leases.held().items() if who == name])
    database.close()


@pytest.fixture
def tablet(chromium: Browser, served: Served) -> Iterator[Page]:
    with signed_in(chromium, served, UPRIGHT) as page:
        yield page


@pytest.fixture
def desktop(chromium: Browser, served: Served) -> Iterator[Page]:
    with signed_in(chromium, served) as page:
        yield page


def go_to(page: Page, view: str) -> None:
    page.click(f"nav >> text={view}")
    page.wait_for_function("() => document.querySelector('main section')?.childElementCount > 0")
    if view in ("Grid", "Gallery"):
        page.wait_for_selector(".tile")
    if view == "Specimens":
        page.locator(".list button").first.click()
        page.wait_for_selector(".tile")
    page.wait_for_timeout(200)


def test_no_view_breaks_a_rule_of_accessibility(desktop: Page) -> None:
    desktop.keyboard.press("1")
    all_stored(desktop)
    found = {}
    for view in VIEWS:
        go_to(desktop, view)
        if desktop.locator("details.display").count():
            desktop.locator("details.display summary").click()
        broken = Axe().run(desktop).response["violations"]
        found[view] = [
            (rule["id"], [node["html"][:120] for node in rule["nodes"][:3]]) for rule in broken
        ]
    desktop.keyboard.press("?")
    desktop.wait_for_selector("dialog[open]")
    found["keys"] = [rule["id"] for rule in Axe().run(desktop).response["violations"]]
    assert not any(found.values()), found


def test_signing_in_breaks_none_either(chromium: Browser, served: Served) -> None:
    page = chromium.new_context().new_page()
    page.goto(f"http://127.0.0.1:{served.port}/")
    page.wait_for_selector("form")
    assert [rule["id"] for rule in Axe().run(page).response["violations"]] == []
    page.context.close()


def test_what_was_said_and_what_comes_next_is_told(desktop: Page) -> None:
    cell = shown(desktop)
    desktop.keyboard.press("6")
    desktop.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=cell)
    told = desktop.inner_text('[role="log"]')
    assert re.match(r"Golgi. Next cell: Specimen S\d+", told)
    all_stored(desktop)
    assert desktop.inner_text('header [role="status"]') == "all stored"


def test_focus_is_seen_and_follows_the_view(desktop: Page) -> None:
    desktop.keyboard.press("Tab")
    focused = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert desktop.evaluate(focused) == "solid"
    desktop.click("nav >> text=Grid")
    desktop.wait_for_selector(".tile")
    assert desktop.evaluate("() => document.activeElement.tagName") == "MAIN"
    # One stop for the tab key among the cells; arrows go on from there.
    assert desktop.locator('.tile[tabindex="0"]').count() == 1
    desktop.locator('.tile[tabindex="0"]').focus()
    desktop.keyboard.press("ArrowRight")
    assert desktop.evaluate(focused) == "solid"
    assert desktop.locator('.tile[tabindex="0"]').count() == 1
    # A click does not leave the next key to the button that was clicked.
    desktop.click("nav >> text=Label")
    desktop.wait_for_selector("canvas.cell:not([hidden])")
    desktop.click('[data-pattern="golgi"]')
    assert desktop.evaluate("() => document.activeElement.tagName") == "BODY"


@pytest.mark.parametrize("size", [UPRIGHT, FLAT], ids=["upright", "flat"])
def test_fingers_find_every_control_of_a_tablet(tablet: Page, size: tuple[int, int]) -> None:
    tablet.set_viewport_size({"width": size[0], "height": size[1]})
    small = {}
    for view in VIEWS:
        go_to(tablet, view)
        small[view] = tablet.evaluate(
            """most => [...document.querySelectorAll('button, select, input, summary, nav a')]
                .map(each => [each.outerHTML.slice(0, 80),
                              (each.closest('label') ?? each).getBoundingClientRect()])
                .filter(([, box]) => box.width > 0 && Math.min(box.width, box.height) < most)
                .map(([html, box]) => `${html} ${box.width} x ${box.height}`)""",
            FINGER_PX,
        )
        assert tablet.evaluate(TOO_WIDE_PX) <= 0, f"{view} is wider than the screen"
    assert not any(small.values()), small


def test_cells_keep_their_places_while_their_pictures_come(tablet: Page) -> None:
    places = "() => [...document.querySelectorAll('.tile')].map(t => t.getBoundingClientRect().x)"
    held: list[Route] = []
    tablet.route("**/api/pixels*", lambda route: held.append(route))
    tablet.click("nav >> text=Grid")
    tablet.wait_for_selector(".tile")
    before, over = tablet.evaluate(places), tablet.evaluate(TOO_WIDE_PX)
    assert held
    for each in held:
        each.continue_()
        each.request.response()
    tablet.wait_for_timeout(300)
    assert over <= 0
    assert before == tablet.evaluate(places)


def test_a_finger_labels_selects_and_scrolls_without_selecting(tablet: Page) -> None:
    cell = shown(tablet)
    tablet.tap('[data-pattern="nucleolar"]')
    tablet.wait_for_function("c => document.querySelector('.single').dataset.cell !== c", arg=cell)
    go_to(tablet, "Grid")
    tablet.tap(".tile >> nth=0")
    chosen = tablet.locator('.tile[aria-selected="true"]')
    assert chosen.count() == 1
    touch = tablet.context.new_cdp_session(tablet)
    box = tablet.locator(".tile").nth(3).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def finger(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    # Up the page: the view scrolls and nothing more is selected.
    finger("touchStart", x, y)
    for step in range(1, 12):
        finger("touchMove", x, y - 20 * step)
    finger("touchEnd")
    tablet.wait_for_timeout(300)
    assert chosen.count() == 1
    # Across: the cells under the finger are selected.
    tablet.evaluate("() => window.scrollTo(0, 0)")
    tablet.wait_for_timeout(200)
    row = [tablet.locator(".group").first.locator(".tile").nth(i).bounding_box() for i in (1, 2)]
    (x1, y1), (x2, _) = [(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in row if b]
    finger("touchStart", x1, y1)
    for step in range(1, 9):
        finger("touchMove", x1 + (x2 - x1) * step / 8, y1)
    finger("touchEnd")
    tablet.wait_for_timeout(200)
    assert chosen.count() == 3
