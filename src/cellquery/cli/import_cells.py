"""`cellquery import`: cells of any layout into a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellquery.cli.console import progress_bar, say, warn
from cellquery.core import RESEARCH_USE_ONLY, InputError
from cellquery.core.places import Place, local_path, path_or_url
from cellquery.core.words import counted

if TYPE_CHECKING:
    from cellquery.data import ImportSummary, Project

_SHOWN_FAULTS = 5


def import_cells(
    source: Annotated[
        Path,
        typer.Argument(
            parser=local_path, help="A folder of cell images, or a table (csv, Parquet) of paths."
        ),
    ],
    into: Annotated[
        Place,
        typer.Option(
            "--into",
            parser=path_or_url,
            help="The project, also on a URL: made when new, added to when there.",
        ),
    ],
    layout: Annotated[
        str | None,
        typer.Option(
            help="Force a layout instead of detecting it: i3a, i3a-folders, lshep2, snphep2, "
            "icpr2012, class-folders, table, folder."
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            parser=local_path,
            help="A table with a column of cell ids and any of pattern, specimen and intensity; "
            "it wins over what the source says.",
        ),
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of cell ids.")] = None,
    path_column: Annotated[str | None, typer.Option(help="Column of image paths.")] = None,
    pattern_column: Annotated[str | None, typer.Option(help="Column of patterns.")] = None,
    specimen_column: Annotated[str | None, typer.Option(help="Column of specimens.")] = None,
    intensity_column: Annotated[str | None, typer.Option(help="Column of intensities.")] = None,
    mask_column: Annotated[str | None, typer.Option(help="Column of mask paths.")] = None,
    part_column: Annotated[
        str | None, typer.Option(help="Column of parts, saved as the split 'source'.")
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(help="Add a class of your own to the known patterns; may be repeated."),
    ] = None,
    merge_speckled: Annotated[
        bool, typer.Option("--merge-speckled", help="Take fine and coarse speckled as speckled.")
    ] = False,
    label_order: Annotated[
        str | None,
        typer.Option(help="LSHEp-2: patterns of the values 1, 2, ... in labels.mat, by commas."),
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="Put before every cell id, where two sources share ids.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="End with status 1 when any input was skipped.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that decode images.", show_default="all cores")
    ] = os.cpu_count() or 1,
) -> None:
    """Bring cell images into a project, labelled or not.

    The layout is found out: the folders of I3A, LSHEp-2, SNPHEp-2 and ICPR2012 as they are
    distributed, one folder a pattern, a table of paths, or just a folder of images. Images that
    cannot be used are skipped and listed in PROJECT/faults.csv. Interrupted, the same command goes
    on where it stopped. Of cells that are there already, patterns, specimens, intensities and masks
    that the source now gives otherwise are taken over.

    For example:

    cellquery import cells/ --into project

    cellquery import cells.csv --into project --path-column file --specimen-column serum

    cellquery import i3a/ --into project --annotations sera.csv --specimen-column serum
    """
    from cellquery.data import Project, import_cells
    from cellquery.data.labelling import Labelling
    from cellquery.data.readers import Columns, ReaderOptions

    columns = Columns(
        id_column,
        path_column,
        pattern_column,
        specimen_column,
        intensity_column,
        mask_column,
        part_column,
    )
    # With a table of annotations, the columns that both could have are those of the annotations.
    of_source = (
        columns
        if annotations is None
        else Columns(path=path_column, mask=mask_column, part=part_column)
    )
    with progress_bar() as progress:
        summary = import_cells(
            source,
            into,
            layout=layout,
            reader=ReaderOptions(of_source, _listed(label_order)),
            labelling=Labelling(tuple(pattern or ()), merge_speckled, prefix, annotations, columns),
            workers=workers,
            progress=progress,
        )
    project = Project.open(into)
    _print(summary, project)
    if strict and summary.faults:
        raise InputError(
            project.path / "faults.csv",
            f"{len(summary.faults)} inputs were skipped",
            "mend or remove them and import again, or leave out --strict",
        )


def _listed(text: str | None) -> tuple[str, ...] | None:
    return tuple(text.replace(",", " ").split()) if text else None


def _print(summary: ImportSummary, project: Project) -> None:
    cells = counted(summary.imported, "cell")
    say(f"{cells} imported into {project.path} (layout {summary.layout})")
    for name in (*project.patterns, None):
        if summary.patterns[name]:
            say(f"  {name or 'unlabelled':<18}{summary.patterns[name]:>7}")
    if summary.kept:
        say(f"there already: {counted(summary.kept, 'cell')}")
    if summary.taken_over:
        say(f"taken over: what the source now says of {summary.taken_over:,} of them")
    for notice in summary.notices:
        warn(f"note: {notice}")
    if summary.faults:
        inputs = counted(len(summary.faults), "input")
        say(f"{inputs} skipped, listed in {project.path / 'faults.csv'}")
        for fault in summary.faults[:_SHOWN_FAULTS]:
            warn(f"skipped: {fault}")
        if len(summary.faults) > _SHOWN_FAULTS:
            warn(f"skipped: and {len(summary.faults) - _SHOWN_FAULTS} more")
    say(RESEARCH_USE_ONLY)
