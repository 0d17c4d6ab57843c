"""`cellquery predict`: name the patterns of any folder of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say, warn
from cellquery.cli.engine import Address, CpusPerTask, EngineName, GpusPerTask, spread_over
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, local_path, path_or_url
from cellquery.core.words import counted


def predict(
    model: Annotated[
        Place,
        typer.Argument(parser=path_or_url, help="A model.safetensors, or the run that made it."),
    ],
    source: Annotated[
        Place, typer.Argument(parser=path_or_url, help="A folder of images, a table or a project.")
    ],
    out: Annotated[
        Place,
        typer.Option(
            parser=path_or_url,
            help="File to write, .csv or .parquet; of a project, a folder of its parts.",
        ),
    ] = Path("predictions.csv"),
    together: Annotated[
        list[Place] | None,
        typer.Option(
            "--with",
            parser=path_or_url,
            help="Another model, whose probabilities are averaged with the first's; repeatable.",
        ),
    ] = None,
    views: Annotated[
        int,
        typer.Option(
            help="Average over 1 view of a cell, or 8 (better, 8 times slower; what cellquery "
            "evaluate takes of the preset best)."
        ),
    ] = 1,
    layout: Annotated[
        str | None,
        typer.Option(help="Force a layout instead of detecting it, as for cellquery import."),
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of cell ids, of a table.")] = None,
    path_column: Annotated[
        str | None, typer.Option(help="Column of image paths, of a table.")
    ] = None,
    mask_column: Annotated[
        str | None, typer.Option(help="Column of mask paths, of a table.")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes, for 4,000 cells or more.", show_default="all cores"),
    ] = os.cpu_count() or 1,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Into a folder: also what diverse strategies need.")
    ] = False,
    engine: EngineName = "local",
    address: Address = None,
    cpus_per_task: CpusPerTask = 1,
    gpus_per_task: GpusPerTask = 0.0,
) -> None:
    """Write the most probable pattern of each image, and the probability of every pattern.

    Images that cannot be read are skipped and listed, and the status is then 3. Where --out names a
    folder, each shard of a project becomes a Parquet file in it, for cellquery select; finished
    ones are kept, and with --engine ray the machines of a cluster share the work.

    Example: cellquery predict cells/models/first new-images --out predictions.csv
    """
    from cellquery.core import SettingsError
    from cellquery.data import Project
    from cellquery.data.readers import Columns
    from cellquery.models import Classifier
    from cellquery.training.bulk import predict_source
    from cellquery.training.pool_scores import score_project

    if views not in (1, 8):
        raise SettingsError("--views", f"{views} is not 1 or 8", "choose one of them")
    into_folder = not out.suffix
    if not into_folder and (embeddings or engine != "local"):
        option = "--embeddings" if embeddings else f"--engine {engine}"
        raise SettingsError(option, f"{out} is one file", "name a folder with --out")
    if into_folder and together:
        raise SettingsError("--with", f"{out} is a folder", "name a .csv or .parquet with --out")
    of_a_source = {
        "--layout": layout,
        "--id-column": id_column,
        "--path-column": path_column,
        "--mask-column": mask_column,
    }
    given = next((option for option, value in of_a_source.items() if value is not None), None)
    if given and (source / "project.toml").exists():
        raise SettingsError(
            given, f"{source} is a project, whose cells are known already", "leave it out"
        )
    classifiers = [
        Classifier.load(each / "model.safetensors" if each.is_dir() else each)
        for each in (model, *(together or []))
    ]
    with (
        progress_bar() as progress,
        spread_over(engine, address, cpus_per_task, gpus_per_task, progress) as cluster,
    ):
        if into_folder:
            summary = score_project(
                classifiers[0],
                Project.open(source),
                local_path(out),
                views=views,
                embeddings=embeddings,
                accelerator=accelerator if gpus_per_task or not cluster else "cpu",
                workers=workers,
                cluster=cluster,
                progress=progress,
            )
        else:
            summary = predict_source(
                classifiers[0],
                source,
                out,
                together=classifiers[1:],
                views=views,
                layout=layout,
                columns=Columns(id=id_column, path=path_column, mask=mask_column),
                accelerator=accelerator,
                workers=workers,
                progress=progress,
            )
    for fault in summary.faults:
        warn(f"skipped: {fault}")
    say(
        f"{out}: {counted(summary.n_cells, 'cell')} in {summary.seconds:.1f} s "
        f"({summary.n_cells / summary.seconds:.0f} a second), {len(summary.faults)} skipped."
    )
    if summary.n_without_mask:
        warn(
            f"note: without a mask: {counted(summary.n_without_mask, 'cell')}, though this network "
            "learnt from masks; it takes all of such a cell as nucleus, and is less sure"
        )
    judged_over = max(each.provenance.get("settings", {}).get("views", 1) for each in classifiers)
    if views < judged_over:
        warn(
            f"note: 1 view of each cell: cellquery evaluate averages {judged_over} of this "
            f"network, as --views {judged_over} does here"
        )
    for pattern, count in summary.n_predicted.most_common():
        say(f"  {pattern:<20}{count:>8}  {100 * count / summary.n_cells:5.1f} %")
    say(RESEARCH_USE_ONLY)
    if summary.faults:
        raise typer.Exit(3)
