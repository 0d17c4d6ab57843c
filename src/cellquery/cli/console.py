"""What every command prints through: one console, one progress bar, one way to fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cellquery.core import Progress


DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="CELLQUERY_DATABASE",
        help="sqlite:///FILE or postgresql://HOST/NAME; left out, SQLite inside the project.",
    ),
]


def say(text: str) -> None:
    """Print a line on standard output."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show progress on standard error: a bar or, where there is no terminal, lines."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bars,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        last: dict[str, int] = {}

        def line(task: str, done: int, total: int | None = None) -> None:
            tenth = 10 * done // total if total else done // 5000
            if last.get(task) != tenth:
                last[task] = tenth
                warn(f"{task}: {done}" + (f" of {total}" if total else ""))

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks = {}

        def bar(task: str, done: int, total: int | None = None) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total)

        yield bar
