"""`cellquery split`: divide a project's cells into parts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import say, warn
from cellquery.core import PATTERNS, RESEARCH_USE_ONLY
from cellquery.core.places import Place, path_or_url


class By(StrEnum):
    """What a split keeps together."""

    CELL = "cell"
    SPECIMEN = "specimen"


def split(
    project: Annotated[
        Place, typer.Argument(parser=path_or_url, help="A project made by cellquery import.")
    ],
    by: Annotated[
        By,
        typer.Option(
            help="cell: at random within each pattern. specimen: whole specimens, the honest test "
            "of sera never seen."
        ),
    ] = By.CELL,
    fraction: Annotated[
        float, typer.Option(help="Share of each pattern for 'test', rounded down.")
    ] = 0.2,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Make this many folds instead of train and test.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same split.")] = 0,
    within: Annotated[
        str | None,
        typer.Option(help="Divide only one part of another split, as SPLIT:PART."),
    ] = None,
    from_table: Annotated[
        Path | None, typer.Option(help="Take the parts from a table of cell ids and parts.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of cell ids.")] = None,
    part_column: Annotated[str | None, typer.Option(help="Column of parts.")] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the split.", show_default="such as cell or specimen-5-folds"),
    ] = None,
) -> None:
    """Divide the cells of a project into parts, and print the cells per part and pattern.

    The split is written to PROJECT/splits/NAME.parquet. Cells without a pattern go to the part
    "unlabelled".

    For example:

    cellquery split project

    cellquery split project --by specimen --folds 5 --seed 1

    cellquery split project --by specimen --folds 5 --within roles:pool --name pool-folds

    cellquery split project --from-table roles.csv --id-column id --part-column role --name roles
    """
    from cellquery.data import Project
    from cellquery.data.splitting import SplitRequest, make_split

    opened = Project.open(project)
    request = SplitRequest(
        by.value, fraction, folds, seed, within, from_table, id_column, part_column
    )
    made = make_split(opened, request, name)
    for notice in made.notices:
        warn(f"note: {notice}")
    say(f"split {made.name!r} of {opened.path}")
    _print_counts(made.counts)
    say(RESEARCH_USE_ONLY)


def _print_counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Print part -> pattern -> cells as a table with one row a part."""
    patterns = list(dict.fromkeys(pattern for row in counts.values() for pattern in row))
    short = {pattern.name: pattern.short for pattern in PATTERNS}
    heads = [short.get(pattern, pattern) for pattern in patterns]
    widths = [max(7, len(head)) + 1 for head in heads]
    say(
        f"{'part':<18}"
        + "".join(f"{h:>{w}}" for h, w in zip(heads, widths, strict=True))
        + f"{'cells':>8}"
    )
    for part, row in counts.items():
        numbers = [row.get(pattern, 0) for pattern in patterns]
        line = "".join(f"{n:>{w}}" for n, w in zip(numbers, widths, strict=True))
        say(f"{part:<18}{line}{sum(numbers):>8}")
