"""Eight annotators label as fast as they can, through HTTP.

    make bench ONLY=annotation

Each annotator asks for cells and labels them one by one, as the page does, over a connection of its
own, in processes of their own. Afterwards every acknowledged label must be in the database once,
and no cell with two people.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from bench.record import Bench, Line, markdown

TITLE = "Annotation, eight people at once"
N_CELLS = 63_000
PATTERNS = ("homogeneous", "speckled", "nucleolar", "centromere", "nuclear_membrane", "golgi")
AHEAD = 8


def measure(bench: Bench) -> dict[str, Any]:
    """Make cells where there are none, and measure."""
    # Inside: the annotators' processes need none of it.
    from cellquery.data.synthetic import into_project, synthetic_settings

    n_cells, n_annotators, n_labels = (60, 2, 8) if bench.smoke else (N_CELLS, 8, 2000)
    path = bench.work / f"annotation-{n_cells}"
    shutil.rmtree(path / "annotation", ignore_errors=True)
    settings = synthetic_settings(n_specimens=max(6, n_cells // 100), seed=0)
    made = into_project(n_cells, settings, path, workers=bench.threads)
    if "all" not in made.split_names:
        made.save_split("all", {"pool": made.manifest()["cell_id"].to_pylist()}, {})
    return load(path, n_annotators, n_labels)


def lines(facts: dict[str, Any]) -> list[Line]:
    """Return the 95th percentile of an acknowledgement, and what was lost."""
    rows = facts["rows"]
    return [
        Line(
            f"{facts['annotators']} annotators on {facts['cells']} cells, label to acknowledgement",
            f"{rows['acknowledgement, 50th percentile, ms']} ms, 95th percentile "
            f"{rows['acknowledgement, 95th percentile, ms']} ms",
            f"{rows['labels a second']} labels/s, {rows['lost']} lost",
        )
    ]


def table(facts: dict[str, Any]) -> str:
    """Return what was measured."""
    head = [f"{facts['annotators']} annotators, {facts['labels']} labels each, SQLite", "value"]
    return markdown(head, [[name, str(value)] for name, value in facts["rows"].items()])


def load(path: Path, n_annotators: int, n_labels: int) -> dict[str, Any]:
    """Serve the cells, let everybody annotate, and return what came of it."""
    import numpy as np

    from cellquery.annotation import open_database
    from cellquery.data import Project
    from cellquery.storage import Accounts, Annotations
    from cellquery.storage.owner import identity
    from cellquery.web.security import session_cookie

    total = n_annotators * n_labels
    settings = path.parent / "settings.toml"
    settings.write_text(f"budget = {total}\nfirst = {total}\n")
    command = [
        sys.executable,
        "-m",
        "cellquery",
        "serve",
        str(path),
        "--port",
        "0",
        "--no-training",
    ]
    given = ["--split", "all", "--pool", "pool", "--settings", str(settings)]
    log = path.parent / "serve.log"
    with log.open("wb") as out:
        server = subprocess.Popen([*command, *given], stdout=out, stderr=out)
    try:
        while not (found := re.search(r"http://127.0.0.1:(\d+)/", log.read_text())):
            time.sleep(0.2)
            if server.poll() is not None:
                sys.exit(log.read_text())
        database = open_database(Project.open(path))
        accounts = Accounts(database)
        names = [f"reader-{number}" for number in range(n_annotators)]
        name_of_cookie, cookies = session_cookie(identity(database)), []
        for name in names:
            if accounts.find(name) is None:
                accounts.add(name, "annotator")
            cookies.append(f"{name_of_cookie}={accounts.issue(name, 'session')}")
        started = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(n_annotators) as people:
            work = [(int(found[1]), cookie, n_labels) for cookie in cookies]
            parts = people.starmap(annotate, work)
        seconds = time.perf_counter() - started
        kept = Annotations(database).since()
        acknowledged = [cell for cells, _, _ in parts for cell in cells]
        held = Counter(each.cell_id for each in kept)
        rows = {
            "labels acknowledged": len(acknowledged),
            "lost": len(set(acknowledged) - set(held)),
            "stored twice": sum(n > 1 for n in held.values()),
            "cells handed out twice": len(acknowledged) - len(set(acknowledged)),
            "labels a second": round(total / seconds),
        }
        for name, values in (
            ("acknowledgement", np.concatenate([ms for _, ms, _ in parts])),
            ("next cells", np.concatenate([ms for _, _, ms in parts])),
        ):
            for q in (50, 95, 99):
                rows[f"{name}, {q}th percentile, ms"] = round(float(np.percentile(values, q)), 1)
        n_cells = len(Project.open(path).store())
        return {
            "cells": n_cells,
            "annotators": n_annotators,
            "labels": n_labels,
            "rows": rows,
        }
    finally:
        server.kill()


def annotate(port: int, cookie: str, n_labels: int) -> tuple[list[str], list[float], list[float]]:
    """Label as fast as one can; return the cells and the milliseconds of both requests."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    # As browsers do: head and body go out without waiting for each other's receipt.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {
        "x-cellquery": "1",
        "content-type": "application/json",
        "cookie": cookie,
    }

    def post(path: str, body: object) -> tuple[dict[str, list[dict[str, str]]], float]:
        started = time.perf_counter()
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 200, content
        return content, 1000 * (time.perf_counter() - started)

    done: list[str] = []
    acknowledged, asked = [], []
    while len(done) < n_labels:
        given, ms = post("/api/turns", {"n": min(AHEAD, n_labels - len(done))})
        asked.append(ms)
        for turn in given["turns"]:
            cell = turn["cell_id"]
            pattern = PATTERNS[len(done) % len(PATTERNS)]
            reading = {
                "key": uuid.uuid4().hex,
                "cell_id": cell,
                "kind": "label",
                "pattern": pattern,
            }
            _, ms = post("/api/annotations", {"readings": [reading]})
            acknowledged.append(ms)
            done.append(cell)
    return done, acknowledged, asked
