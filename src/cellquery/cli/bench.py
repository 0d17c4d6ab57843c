"""`cellquery bench`: what things cost on this machine, as ratios measured in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core.places import local_path

bench = typer.Typer(
    help="Measure what things cost on this machine, as ratios in one run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@bench.command("campaign")
def bench_campaign(
    file: Annotated[Path, typer.Argument(help="A study of cases: experiments/*-cases.toml.")],
    project: Annotated[Path, typer.Option(help="The project with the cells and the split.")],
    into: Annotated[
        Path, typer.Option(parser=local_path, help="Where the run directories go.")
    ] = Path("runs"),
    budget: Annotated[float, typer.Option(help="Share of the pool that is labelled.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    literal: Annotated[
        bool, typer.Option(help="Also run the literal loop: full trainings, nothing cached.")
    ] = True,
) -> None:
    """Time a whole campaign beside one training on all labels, and beside the literal loop.

    Stopped at any moment, the same command goes on. Run nothing else meanwhile.

    Example: cellquery bench campaign experiments/i3a-cases.toml --project cells
    """
    from cellquery.data import Project
    from cellquery.experiments import read_case_study
    from cellquery.experiments.bench import bench_campaign as run, bench_table

    study = read_case_study(file)
    with progress_bar() as progress:
        root = run(
            study,
            Project.open(project),
            into,
            budget=budget,
            seed=seed,
            literal=literal,
            progress=progress,
        )
    say(bench_table(root))
