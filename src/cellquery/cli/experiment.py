"""`cellquery experiment`: run a study described by a TOML file, and print its table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.cli.engine import Address, CpusPerTask, EngineName, GpusPerTask, spread_over
from cellquery.core.places import Place, local_path, path_or_url

experiment = typer.Typer(
    help="Run a study described by one TOML file over variants, seeds and folds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@experiment.command()
def run(
    file: Annotated[Path, typer.Argument(help="A TOML file, such as those in experiments/.")],
    project: Annotated[
        Place, typer.Option(parser=path_or_url, help="The project with the cells and the split.")
    ],
    into: Annotated[
        Place, typer.Option(parser=path_or_url, help="Where the run directories go.")
    ] = Path("runs"),
    only: Annotated[
        str | None,
        typer.Option(help="test or folds: one half of the work, for two processes side by side."),
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Run this variant or case alone; repeatable.")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    split: Annotated[str | None, typer.Option(help="Another split than the file's.")] = None,
    train: Annotated[
        list[str] | None, typer.Option(help="Other parts to train on than the file's; repeatable.")
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="Other parts to judge on than the file's; repeatable.")
    ] = None,
    engine: EngineName = "local",
    address: Address = None,
    cpus_per_task: CpusPerTask = 1,
    gpus_per_task: GpusPerTask = 0.0,
) -> None:
    """Run what is not yet done; stopped at any moment, the same command goes on.

    With --engine ray its trainings or campaigns run side by side on a cluster whose machines see
    the same folders; results are the same.

    Example: cellquery experiment run experiments/table3-lenet5.toml --project cells --split cell
    --train train --test test
    """
    from cellquery.core import SettingsError
    from cellquery.core.units import one_after_another
    from cellquery.data import Project
    from cellquery.experiments import (
        is_case_study,
        read_case_study,
        read_experiment,
        results_table,
        run_case_study,
        run_experiment,
    )

    if only not in (None, "test", "folds"):
        raise SettingsError("--only", f"'{only}' is not known", "choose test or folds")
    other = {"split": split, "train": tuple(train or ()), "test": tuple(test or ())}
    other = {key: value for key, value in other.items() if value}
    of_cases = is_case_study(file)
    if of_cases:
        _check_options(other, only, accelerator, gpus_per_task)
    with (
        progress_bar() as progress,
        spread_over(engine, address, cpus_per_task, gpus_per_task, progress) as cluster,
    ):
        does = cluster.run if cluster else one_after_another
        if of_cases:
            root: Place = run_case_study(
                read_case_study(file),
                Project.open(project),
                local_path(into),
                cases=variant or (),
                engine=does,
                progress=progress,
            )
        else:
            root = run_experiment(
                read_experiment(file).model_copy(update=other),
                Project.open(project),
                into,
                only=only,
                variants=variant or (),
                accelerator=accelerator if gpus_per_task or not cluster else "cpu",
                engine=does,
                progress=progress,
            )
    say(results_table(root))


def _check_options(
    other: Iterable[str], only: str | None, accelerator: str, gpus_per_task: float
) -> None:
    """Refuse what a study of cases would not heed."""
    from cellquery.core import SettingsError

    processors = ("campaigns compute on processors alone", "leave it out")
    for option, given, fault, remedy in (
        *((each, True, "a study of cases names its own parts", "edit its file") for each in other),
        ("only", only, "a study of cases has no such halves", "choose cases with --variant"),
        ("accelerator", accelerator != "auto", *processors),
        ("gpus-per-task", gpus_per_task, *processors),
    ):
        if given:
            raise SettingsError(f"--{option}", fault, remedy)


@experiment.command()
def compare(
    files: Annotated[list[Path], typer.Argument(help="Experiments, a TOML file each.")],
    runs: Annotated[Path, typer.Option(help="Where their run directories are.")] = Path("runs"),
    into: Annotated[
        Path | None,
        typer.Option(help="Put it into a page, between the comments table3 and /table3."),
    ] = None,
) -> None:
    """Print several experiments as one table: Table 3 of the paper.

    A row a method: published accuracy, ours on known and unseen specimens, size, time, memory.
    What was not run, or ran from random weights, is marked; what beats our network is named.

    Example: cellquery experiment compare experiments/table3-*.toml --runs results
    """
    from cellquery.experiments import (
        compare as compared,
        comparison_table,
        place_table,
        read_experiment,
    )

    experiments = [read_experiment(file) for file in files]
    text = comparison_table(compared((each, runs / each.name) for each in experiments))
    if into is not None:
        place_table(into, "table3", text)
    say(text)


@experiment.command()
def table(
    root: Annotated[
        Place,
        typer.Argument(parser=path_or_url, help="The experiment's directory, such as runs/NAME."),
    ],
    into: Annotated[
        Path | None,
        typer.Option(help="Put it into a page, between the comments named after the experiment."),
    ] = None,
) -> None:
    """Print the results so far as a Markdown table, from the run directories alone.

    Example: cellquery experiment table runs/i3a-best
    """
    from cellquery.experiments import place_table, results_table

    text = results_table(root)
    if into is not None:
        place_table(into, root.name, text)
    say(text)
