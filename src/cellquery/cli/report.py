"""`cellquery report`: one page about trainings, studies, a comparison of methods, or a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, local_path, path_or_url


def report(
    runs: Annotated[
        list[Place],
        typer.Argument(
            parser=path_or_url,
            help="Run directories of cellquery train, those of studies of the four cases or of "
            "experiments, a campaign's folder, or a project that is or was served.",
        ),
    ],
    project: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="The project with their cells [default, for trainings: the one they lie in, "
            "PROJECT/models/RUN]. Without it no cell is shown.",
        ),
    ] = None,
    out: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="The page [default: report.html in the first run; of a campaign record.html].",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="The folder that predictions without labels were made of."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The page's title.")] = None,
    database: DatabaseUrl = None,
) -> None:
    """Write one self-contained HTML page: headline figures, curves, confusion, cells, settings.

    Of studies of the four cases, such as one in paper mode and one in best mode, the page sets
    Figures 7 and 10 to 17 of the paper side by side, and each is written as SVG, PNG or CSV too.

    Of experiments: Table 3 of the paper. What was published and what was measured, a row a method.

    Of a campaign: its record. What was asked, by whom answered, and what the network makes of it.

    Example: cellquery report cells/models/first cells/models/second --out report.html

    Example: cellquery report runs/i3a-paper runs/i3a-cases --project runs/i3a

    Example: cellquery report runs/table3-*
    """
    page: Place
    if any((runs[0] / name).exists() for name in ("campaign.json", "project.toml")):
        page = _record(runs, project, out, database)
    elif any((run / "study.json").exists() for run in runs):
        page = _cases(runs, project, out, title)
    elif any((run / "experiment.json").exists() for run in runs):
        page = _comparison(runs, out, title)
    else:
        page = _trainings(runs, project, out, images, title)
    say(str(page))
    say(RESEARCH_USE_ONLY)


def _record(
    runs: list[Place], project: Place | None, out: Place | None, database: str | None
) -> Place:
    from cellquery.annotation.outcome import outcome
    from cellquery.core import SettingsError
    from cellquery.reports import write_page
    from cellquery.reports.campaign_record import campaign_record

    if len(runs) > 1:
        raise SettingsError(runs[1], "a record is of one campaign", "report on each by itself")
    cells = local_path(project) if project else None
    of = outcome(local_path(runs[0]), project=cells, database_url=database)
    folder = of.root if of.desk is None else of.root.parent
    return write_page(out or folder / "record.html", campaign_record(of))


def _cases(runs: list[Place], project: Place | None, out: Place | None, title: str | None) -> Place:
    from cellquery.cli.console import progress_bar
    from cellquery.core import SettingsError
    from cellquery.data import Project
    from cellquery.reports.case_report import write_case_report
    from cellquery.reports.studies import ReportedStudy

    other = next((run for run in runs if not (run / "study.json").exists()), None)
    if other is not None:
        raise SettingsError(other, "is no study of cases", "report on studies or on trainings")
    cells = Project.open(project) if project else None
    with progress_bar() as progress:
        return write_case_report(
            [ReportedStudy(local_path(run), cells) for run in runs],
            local_path(out or runs[0] / "report.html"),
            title=title or "",
            progress=progress,
        )


def _comparison(runs: list[Place], out: Place | None, title: str | None) -> Place:
    from cellquery.experiments import compare, comparison_table, experiment_of
    from cellquery.reports import write_page
    from cellquery.reports.comparison_page import comparison_page

    studies = [(experiment_of(run), run) for run in runs]
    methods = compare(studies)
    say(comparison_table(methods))
    page = comparison_page(studies, methods, title=title or "")
    return write_page(out or runs[0] / "report.html", page)


def _trainings(
    runs: list[Place],
    project: Place | None,
    out: Place | None,
    images: Path | None,
    title: str | None,
) -> Place:
    from cellquery.data import Project
    from cellquery.reports import write_page
    from cellquery.reports.runs import read_run
    from cellquery.reports.training_report import ReportedRun, training_report

    def project_of(run: Place) -> Project | None:
        home = project or run.resolve().parent.parent
        return Project.open(home) if project or (home / "project.toml").exists() else None

    reported = [ReportedRun(read_run(run), project_of(run), images=images) for run in runs]
    return write_page(
        out or runs[0] / "report.html", training_report(reported, title=title or "Training report")
    )
