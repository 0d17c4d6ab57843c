"""`cellquery demo`: the newcomer's first command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core.notice import RESEARCH_USE_ONLY


def demo(
    into: Annotated[Path, typer.Option(help="The directory to fill.")] = Path("demo"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Check in seconds that everything runs; figures mean nothing."
        ),
    ] = False,
) -> None:
    """Make synthetic cells, teach the paper's network, and write a report, in about two minutes.

    A small set of five patterns teaches the network first (initial learning), then a target set
    of six. It is judged on specimens it never saw and on specimens it knows, and names a folder
    of new images. Interrupted, the same command goes on; nothing is downloaded.

    Example: cellquery demo --into demo
    """
    from cellquery.experiments.demo import QUICK, DemoPlan, run_demo
    from cellquery.reports import write_page
    from cellquery.reports.demo_report import demo_report

    if not quick:
        say("Synthetic cells, two trainings and a report: about two minutes on two cores.")
    with progress_bar() as progress:
        done = run_demo(into, QUICK if quick else DemoPlan(), progress=progress)
        progress("writing the report", 0, 1)
        page = write_page(into / "report.html", demo_report(done))
        progress("writing the report", 1, 1)
    say(f"Done. Open {page.resolve().as_uri()} in a browser.")
    say(
        f"Next, with cells of your own: cellquery import FOLDER --into PROJECT. {RESEARCH_USE_ONLY}"
    )
