"""Runs the app, and the training beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain, count

import uvicorn

from cellquery.annotation import Desk, Plan
from cellquery.annotation.trainer import forget_state, trainer_state
from cellquery.core import RESEARCH_USE_ONLY, ProjectError
from cellquery.data import Project
from cellquery.storage import Accounts, Database
from cellquery.web.app import create_app

ADMINISTRATOR = "admin"
_RESTARTS = 5
_WAITING = 128


def listen(
    project: Project,
    plan: Plan,
    database: Database,
    *,
    host: str,
    port: int,
    names: Sequence[str],
    train: bool,
    database_url: str | None,
    say: Callable[[str], None],
    record: Callable[[Desk], str] | None = None,
) -> None:
    """Serve until stopped; says the address with a one-time sign-in link.

    `record` makes the record of the campaign: see `create_app`.

    Raises
    ------
    ProjectError
        When the port is taken.
    """
    listening = _bound(host, port)
    port = listening.getsockname()[1]
    accounts = Accounts(database)
    able = [each for each in accounts.all() if each.role == "administrator" and each.active]
    first = able[0] if able else accounts.add(_free_name(accounts), "administrator")
    desk = Desk(project, plan, database)
    allowed = ["127.0.0.1", "localhost", "[::1]", *names]
    if host not in ("127.0.0.1", "localhost", "::1"):
        allowed = list(names) or ["*"]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(desk, hosts=allowed, record=record),
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=3,
        )
    )
    trainer = _Trainer(project, database_url, say) if train else None
    if trainer:
        trainer.start()
    shown = f"[{host}]" if ":" in host else host
    say(f"{len(desk.pool)} cells of {project.path} to annotate")
    say(f"open http://{shown}:{port}/#sign-in={accounts.issue(first.name, 'link')}")
    say(f"(the link signs {first.name} in, once; Ctrl-C stops)")
    say(RESEARCH_USE_ONLY)
    try:
        server.run(sockets=[listening])
    finally:
        if trainer:
            trainer.stop()


class _Trainer:
    """The process that trains, started again when it was killed."""

    def __init__(
        self, project: Project, database_url: str | None, say: Callable[[str], None]
    ) -> None:
        self.project, self.say = project, say
        self.command = [
            *(sys.executable, "-m", "cellquery", "campaign", "people"),
            *(str(project.path), "--with-parent", str(os.getpid())),
        ]
        # By the environment: other users of a machine can read command lines.
        self.environment = dict(os.environ)
        if database_url is not None:
            self.environment["CELLQUERY_DATABASE"] = database_url
        self.process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        forget_state(self.project)
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self.process:
            self.process.kill()
            self.process.wait()

    def _watch(self) -> None:
        for _ in range(_RESTARTS):
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            status = self.process.wait()
            if self._stopped.is_set() or status == 0:
                return
            said = trainer_state(self.project)
            if said.get("state") == "failed":
                self.say(f"training stopped: {said.get('error')}")
                return
            time.sleep(1)
        self.say("training ended five times over: see cellquery campaign people")


def _free_name(accounts: Accounts) -> str:
    taken = {each.name for each in accounts.all()}
    names = chain([ADMINISTRATOR], (f"{ADMINISTRATOR}-{n}" for n in count(2)))
    return next(each for each in names if each not in taken)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol's name: only then does asyncio send answers at once (TCP_NODELAY), and not
    # 40 ms later.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Who opens the link before the server has started waits, and is not turned away.
        listening.listen(_WAITING)
    except (OSError, OverflowError) as error:
        listening.close()
        raise ProjectError(
            f"{host}:{port}", f"cannot be listened on ({error})", "choose another --port"
        ) from error
    return listening
