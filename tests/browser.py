"""A real Chromium and a served project, for journeys through the page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from cellquery.annotation import open_database
from cellquery.data import Project
from cellquery.storage import Accounts, Role
from tests import debian
from tests.processes import begun

WAIT_MS = 60_000
FAULTS: list[str] = []


def chromium() -> str:
    """The path of Chromium; the test is skipped where it cannot be installed."""
    return debian.program(_installed, "chromium")


def _installed() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield opened
        opened.close()


@dataclass
class Served:
    """`cellquery serve` as a process, which can be killed and started again; see `begun`."""

    project: Path
    log: Path
    options: list[str] = field(default_factory=list)
    database: str | None = None
    port: int = 0
    fresh: bool = False
    process: BaseProcess | None = None

    def start(self) -> str:
        """Start it and return the sign-in link that it prints."""
        words = ["serve", str(self.project), "--port", str(self.port), *self.options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if self.database is not None:
            environment["CELLQUERY_DATABASE"] = self.database
        self.log.write_bytes(b"")
        log = str(self.log)
        self.process = begun(words, log, log, environment=environment, fresh=self.fresh)
        # What is decided the first time is not given again.
        self.options = [each for each in self.options if each == "--no-training"]
        until = time.monotonic() + 120
        while time.monotonic() < until:
            link = re.search(r"http://\S+", self.log.read_text("utf-8"))
            if link:
                self.port = int(re.search(r":(\d+)/", link.group())[1])  # type: ignore[index]
                return link.group()
            if self.process.exitcode is not None:
                break
            time.sleep(0.1)
        raise AssertionError(self.log.read_text("utf-8"))

    def kill(self) -> None:
        """End it as by kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        if self.process is not None and self.process.pid and self.process.exitcode is None:
            os.kill(self.process.pid, signal.SIGINT)
            self.process.join(20)
            if self.process.exitcode is None:
                self.kill()

    def link(self, account: str, role: Role = "annotator") -> str:
        """Make an account and return a link that signs it in."""
        database = open_database(Project.open(self.project), self.database)
        accounts = Accounts(database)
        accounts.add(account, role)
        token = accounts.issue(account, "link")
        database.close()
        return f"http://127.0.0.1:{self.port}/#sign-in={token}"


def sign_in(opened: Browser, link: str, *, tablet: tuple[int, int] | None = None) -> Page:
    """Open a link in a window of its own; faults of the page's code are kept in `FAULTS`."""
    width, height = tablet or (1280, 860)
    page = opened.new_context(
        viewport={"width": width, "height": height}, has_touch=tablet is not None
    ).new_page()
    page.set_default_timeout(WAIT_MS)
    # Not raised here: an exception in a handler breaks the connection to the browser.
    page.on("pageerror", lambda error: FAULTS.append(str(error)))
    page.goto(link)
    page.wait_for_selector("canvas.cell:not([hidden])")
    return page


def shown(page: Page) -> str:
    """The id of the cell on the screen, once its picture is there: before, it takes no label."""
    page.wait_for_selector("canvas.cell:not([hidden])")
    return page.get_attribute("section.single", "data-cell") or ""


def all_stored(page: Page) -> None:
    """Wait until the server has acknowledged everything."""
    page.wait_for_selector('.sent[data-unsent="0"]')
