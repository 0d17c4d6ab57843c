"""`cellquery serve`: the annotation page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say, warn
from cellquery.core.places import local_path

if TYPE_CHECKING:
    from cellquery.annotation import Desk


def serve(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project with cells to annotate.")
    ],
    initial: Annotated[
        Path | None, typer.Option(help="The network after initial learning (safetensors).")
    ] = None,
    split: Annotated[str | None, typer.Option(help="A split of the project.")] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(help="Parts to annotate; left out, all cells without a pattern. Repeatable."),
    ] = None,
    rehearse: Annotated[
        list[str] | None,
        typer.Option(help="Parts that the initial network learnt, to rehearse; repeatable."),
    ] = None,
    pattern: Annotated[
        list[str] | None, typer.Option(help="A pattern of the class list, in order; repeatable.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A TOML file of campaign settings, laid over the preset.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="best or paper.")] = None,
    overlap: Annotated[
        float | None, typer.Option(help="Share of the cells that two people read.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides every random draw.")] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 for all of a trusted network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 finds a free one.")] = 8000,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A name under which the page is reached; repeatable."),
    ] = None,
    database: DatabaseUrl = None,
    training: Annotated[
        bool, typer.Option(help="Train beside; without it run: cellquery campaign people.")
    ] = True,
) -> None:
    """Serve the page on which people annotate the cells that the network asks for.

    Prints its address with a one-time sign-in link. What is annotated and how is decided the first
    time; afterwards the project alone is enough. Stopped at any moment, nothing acknowledged is
    lost and the same command goes on.

    Example: cellquery serve cells
    """
    from functools import partial

    from cellquery.annotation import Plan, open_database
    from cellquery.core import parse_pattern
    from cellquery.data import Project
    from cellquery.training.settings import read_toml
    from cellquery.web.serving import listen

    given = {
        "initial": None if initial is None else str(initial),
        "split": split,
        "pool": tuple(pool) if pool else None,
        "rehearse": tuple(rehearse) if rehearse else None,
        "patterns": tuple(map(parse_pattern, pattern)) if pattern else None,
        "campaign": read_toml(settings, "give a TOML file of settings") if settings else None,
        "preset": preset,
        "overlap": overlap,
        "seed": seed,
    }
    opened = Project.open(project)
    plan = Plan.of(opened, **{key: value for key, value in given.items() if value is not None})
    if host not in ("127.0.0.1", "localhost", "::1"):
        warn("others can reach this page: use it on a trusted network, or behind HTTPS")
    listen(
        opened,
        plan,
        open_database(opened, database),
        host=host,
        port=port,
        names=name or [],
        train=training,
        database_url=database,
        say=say,
        record=partial(_record, database=database),
    )


def _record(desk: Desk, database: str | None) -> str:
    """Return the record of a campaign, made in a process of its own: whoever labels never waits."""
    import os
    import subprocess
    import sys
    from tempfile import TemporaryDirectory

    from cellquery.core import ProjectError

    environment = {**os.environ, **({"CELLQUERY_DATABASE": database} if database else {})}
    with TemporaryDirectory(prefix="cellquery-") as folder:
        page = Path(folder) / "record.html"
        command = [sys.executable, "-m", "cellquery", "report", str(desk.project.path)]
        made = subprocess.run(
            [*command, "--out", str(page)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            *_, last = ["it was stopped", *made.stderr.splitlines()]
            fault = last.removeprefix("error: ")
            raise ProjectError("record", f"could not be made ({fault})", "run cellquery report")
        return page.read_text("utf-8")
