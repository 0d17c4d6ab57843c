"""`cellquery agreement`: how far annotators agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say
from cellquery.core.places import local_path


def agreement(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project that is annotated.")
    ],
    database: DatabaseUrl = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print Fleiss' and Cohen's kappa with intervals, and who takes what for what.

    Example: cellquery agreement cells
    """
    from json import dumps

    from cellquery.annotation import Desk
    from cellquery.annotation.agreement import agreement_report, agreement_text
    from cellquery.core import RESEARCH_USE_ONLY
    from cellquery.data import Project

    desk = Desk.open(Project.open(project), database)
    report = agreement_report(desk.readings, desk.plan.patterns)
    if json:
        say(dumps({"notice": RESEARCH_USE_ONLY, **report.as_dict()}, indent=2))
        return
    say(agreement_text(report))
    say(RESEARCH_USE_ONLY)
