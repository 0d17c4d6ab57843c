"""`cellquery audit`: what to know of a project's cells before training on them."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, path_or_url
from cellquery.core.words import counted

if TYPE_CHECKING:
    from cellquery.data.audit import Audit

_WIDTH = 96


class FailOn(StrEnum):
    """From which severity on the status is 1."""

    ERROR = "error"
    WARNING = "warning"


def audit(
    project: Annotated[
        Place, typer.Argument(parser=path_or_url, help="A project made by cellquery import.")
    ],
    split: Annotated[
        str | None, typer.Option(help="Look at this split only [default: all splits].")
    ] = None,
    json: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="Where to write the findings as JSON [default: PROJECT/audit/audit.json].",
        ),
    ] = None,
    html: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url, help="Where to write the page [default: PROJECT/audit/audit.html]."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out near duplicates, the longest part.")
    ] = False,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(help="End with status 1 when a finding is as severe as this, for scripts."),
    ] = None,
) -> None:
    """Find what would spoil a training: duplicates, leaks, and cues that a network can cheat on.

    Looks for unreadable and empty images, cells that are there twice (also turned, mirrored or
    changed in contrast), splits that share cells or specimens, patterns that differ in a technical
    property such as size, bit depth or contrast, too few cells or specimens of a pattern, and
    whether the order of the files gives unknown specimens away. No image is changed.

    Examples: cellquery audit project

    cellquery audit project --split specimen --fail-on error
    """
    from cellquery.data import Project
    from cellquery.data.audit import audit_project
    from cellquery.reports import write_page
    from cellquery.reports.audit_page import audit_page, write_audit

    opened = Project.open(project)
    with progress_bar() as progress:
        found = audit_project(opened, split=split, quick=quick, progress=progress)
    _print(found)
    folder = opened.path / "audit"
    say(f"JSON {write_audit(json or folder / 'audit.json', found)}")
    say(f"page {write_page(html or folder / 'audit.html', audit_page(found, opened))}")
    say(RESEARCH_USE_ONLY)
    if fail_on is not None and found.reaches(fail_on.value):
        raise typer.Exit(1)


def _print(audit: Audit) -> None:
    known = f"{audit.n_specimens:,} specimens" if audit.n_specimens else "specimens unknown"
    labelled = int(audit.cells.labelled.sum())
    cells = counted(len(audit.cells), "cell")
    say(f"{cells}, {labelled:,} with a pattern, {known}, {audit.seconds:.0f} s")
    say("")
    say(f"{'pattern':<20}{'cells':>8}{'specimens':>11}")
    for one in audit.patterns:
        n_specimens = f"{one.n_specimens:,}" if audit.n_specimens else "unknown"
        say(f"{one.pattern:<20}{one.n_cells:>8,}{n_specimens:>11}")
    if labelled < len(audit.cells):
        say(f"{'no pattern':<20}{len(audit.cells) - labelled:>8,}")
    varied = [cue for cue in audit.cues if cue.varies]
    if varied:
        say("")
        say(f"pattern named from one property alone (guessing: {100 * varied[0].chance:.0f} %)")
        say(f"{'property':<20}{'at random':>11}{'unseen specimens':>18}")
        for cue in sorted(varied, key=lambda one: -one.balanced_accuracy):
            unseen = "-" if cue.unseen_accuracy is None else f"{100 * cue.unseen_accuracy:.0f} %"
            say(f"{cue.measured.title:<20}{100 * cue.balanced_accuracy:>9.0f} %{unseen:>18}")
    say("")
    for finding in audit.findings:
        say(_wrapped(f"{finding.severity.upper()}: {finding.title}", ""))
        say(_wrapped(finding.explanation, "    "))
        say(_wrapped(f"-> {finding.remedy}", "    "))
        if finding.cells:
            more = ", ..." if finding.n_cells > 5 else ""
            what = "inputs" if finding.code == "unreadable" else "cells"
            say(_wrapped(f"{what}: {', '.join(finding.cells[:5])}{more}", "    "))
        say("")
    if not audit.findings:
        say("Nothing was found that stands against training on these cells.")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_on_hyphens=False,
    )
