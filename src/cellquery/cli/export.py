"""`cellquery export`: what a campaign has come to, for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellquery.cli.console import DatabaseUrl, progress_bar, say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import local_path

if TYPE_CHECKING:
    from cellquery.annotation.predicted import Predicted

export = typer.Typer(
    help="Hand out the network, predictions and embeddings to other programs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Campaign = Annotated[
    Path, typer.Argument(parser=local_path, help="A served project, or a campaign's folder.")
]
Images = Annotated[
    Path | None, typer.Option("--project", help="The project with the images of a campaign.")
]
Views = Annotated[
    int | None,
    typer.Option(
        help="Average over 1 view of a cell, or 8.", show_default="as the campaign's settings say"
    ),
]
Accelerator = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Processes, for 4,000 cells or more.", show_default="all cores"),
]


@export.command("model")
def model(
    source: Annotated[
        Path,
        typer.Argument(
            help="A served project, a campaign's folder, a run directory or a model.safetensors."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file, .safetensors or .onnx.")],
    views: Annotated[
        int, typer.Option(help="ONNX: average over 1 view of a cell, or 8 (8 times slower).")
    ] = 1,
    pixels: Annotated[
        str, typer.Option(help="ONNX: type of the grey levels, float32, uint8 or uint16.")
    ] = "float32",
    database: DatabaseUrl = None,
) -> None:
    """Write the newest network: as safetensors, or as ONNX that takes raw cells.

    The ONNX file scales, resizes and transforms cells by itself; it is delivered only when ONNX
    Runtime names cells as PyTorch does.

    Example: cellquery export model cells --out cells.onnx
    """
    _check_suffix(out, ".safetensors", ".onnx")
    from cellquery.annotation.outcome import network_file
    from cellquery.core.durable import make_folder, replacing
    from cellquery.models import Classifier

    found = network_file(source, database_url=database)
    path, name = found.path, found.name
    classifier = Classifier.load(path)
    if out.suffix == ".onnx":
        from cellquery.training.onnx_file import write_onnx

        agreement = write_onnx(
            classifier,
            out,
            views=_views(views) or 1,
            pixels=pixels,  # type: ignore[arg-type]
            about={"network": name},
        )
        say(
            f"ONNX Runtime and PyTorch agree on {agreement.n_cells} cells: probabilities differ by "
            f"{agreement.probability:.1g} at most"
        )
    else:
        make_folder(out.parent)
        content = path.read_bytes()
        with replacing(out) as file:
            file.write(content)
    say(f"{out}: {name or 'network'}, {', '.join(classifier.patterns)}")
    if found.companion is not None:
        say(f"the network without its companion, {found.companion[0]}: pass both to cellquery")
        say(f"predict {out} SOURCE --with {found.companion[0]}")
    say(RESEARCH_USE_ONLY)


@export.command("predictions")
def predictions(
    campaign: Campaign,
    out: Annotated[Path, typer.Option(help="The file, .csv or .parquet.")],
    every: Annotated[
        bool, typer.Option("--all", help="All cells, and not only those without a label.")
    ] = False,
    project: Images = None,
    views: Views = None,
    accelerator: Accelerator = "auto",
    workers: Workers = os.cpu_count() or 1,
    database: DatabaseUrl = None,
) -> None:
    """Write what the newest network says of the cells that nobody labelled.

    With --all, of every cell of the pool, beside its label and who gave it.

    Example: cellquery export predictions cells --out rest.csv
    """
    _check_suffix(out, ".csv", ".parquet")
    from cellquery.annotation.predicted import write_predictions

    found = _predicted(campaign, project, database, every, views, accelerator, workers)
    write_predictions(found, out)
    _say(found, out)


@export.command("anndata")
def anndata(
    campaign: Campaign,
    out: Annotated[Path, typer.Option(help="The file, .h5ad.")],
    project: Images = None,
    views: Views = None,
    accelerator: Accelerator = "auto",
    workers: Workers = os.cpu_count() or 1,
    database: DatabaseUrl = None,
) -> None:
    """Write embeddings, labels and predictions of all cells as AnnData, for scanpy and its kin.

    Example: cellquery export anndata cells --out cells.h5ad
    """
    _check_suffix(out, ".h5ad")
    from cellquery.annotation.predicted import write_anndata
    from cellquery.core.extras import from_extra

    from_extra("anndata", "anndata")
    found = _predicted(campaign, project, database, True, views, accelerator, workers)
    write_anndata(found, out)
    _say(found, out)


def _predicted(
    campaign: Path,
    project: Path | None,
    database: str | None,
    every: bool,
    views: int | None,
    accelerator: str,
    workers: int,
) -> Predicted:
    from cellquery.annotation.outcome import outcome
    from cellquery.annotation.predicted import predicted

    found = outcome(campaign, project=project, database_url=database)
    with progress_bar() as progress:
        return predicted(
            found,
            every=every,
            views=_views(views),
            accelerator=accelerator,
            workers=workers,
            progress=progress,
        )


def _check_suffix(out: Path, *known: str) -> None:
    from cellquery.core import InputError

    if out.suffix not in known:
        raise InputError(
            out, f"suffix '{out.suffix}' is not known", f"name it {' or '.join(known)}"
        )


def _views(views: int | None) -> int | None:
    from cellquery.core import SettingsError

    if views not in (None, 1, 8):
        raise SettingsError("--views", f"{views} is not 1 or 8", "choose one of them")
    return views


def _say(found: Predicted, out: Path) -> None:
    from cellquery.core.words import counted

    say(f"{out}: {counted(len(found.predictions.ids), 'cell')}; network: {found.model}")
    say(RESEARCH_USE_ONLY)
