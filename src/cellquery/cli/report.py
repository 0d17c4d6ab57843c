"""`cellquery report`: one page about one or more trainings, or about a study of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import say
from cellquery.core.notice import RESEARCH_USE_ONLY


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Run directories of cellquery train, or the one of a study of cases."),
    ],
    project: Annotated[
        Path | None,
        typer.Option(
            help="The project with their cells [default: the one they lie in, "
            "PROJECT/models/RUN]. Without it no cell is shown."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page [default: report.html in the first run].")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="The folder that predictions without labels were made of."),
    ] = None,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Training report",
) -> None:
    """Write one self-contained HTML page: headline figures, curves, confusion, cells, settings.

    Example: cellquery report cells/models/first cells/models/second --out report.html
    """
    from cellquery.data import Project
    from cellquery.reports import write_page
    from cellquery.reports.runs import read_run
    from cellquery.reports.training_report import ReportedRun, training_report

    if (runs[0] / "study.json").exists():
        # Only a study needs the rooms that import torch.
        from cellquery.reports.case_report import case_plates, case_report, write_case_files

        plates = case_plates(runs[0])
        page = write_page(out or runs[0] / "report.html", case_report(runs[0], plates))
        write_case_files(runs[0], plates, page.parent / "figures")
        say(str(page))
        say(RESEARCH_USE_ONLY)
        return

    def project_of(run: Path) -> Project | None:
        home = project or run.resolve().parent.parent
        return Project.open(home) if project or (home / "project.toml").exists() else None

    reported = [ReportedRun(read_run(run), project_of(run), images=images) for run in runs]
    page = write_page(out or runs[0] / "report.html", training_report(reported, title=title))
    say(str(page))
    say(RESEARCH_USE_ONLY)
