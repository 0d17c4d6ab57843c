"""`cellquery synthesize`: make cells that look like HEp-2 cells, to learn and to test with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.core import RESEARCH_USE_ONLY, SIX_PATTERNS, SettingsError
from cellquery.core.places import Place, local_path, path_or_url

_MANY = 2000  # from here on more processes are worth their start


class Layout(StrEnum):
    """What is written."""

    project = "project"
    table = "table"


def synthesize(
    into: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url, help="The project, or with --layout table the folder, to fill."
        ),
    ] = None,
    cells: Annotated[int, typer.Option(min=0, help="Cells in all.")] = 2000,
    specimens: Annotated[
        int, typer.Option(min=1, help="Sera; each shows one pattern at one intensity.")
    ] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same cells.")] = 0,
    patterns: Annotated[
        str,
        typer.Option(
            help="Comma-separated; also known: coarse_speckled, fine_speckled, cytoplasmic."
        ),
    ] = ",".join(SIX_PATTERNS),
    bits: Annotated[
        int, typer.Option(help="8, or 16: a 16-bit container with 12-bit content.")
    ] = 8,
    layout: Annotated[
        Layout,
        typer.Option(help="project: no image files. table: PNG files, masks and cells.csv."),
    ] = Layout.project,
    gallery: Annotated[
        Path | None, typer.Option(help="Also draw a contact sheet into this PNG file.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes [default: one a core for many cells].")
    ] = None,
) -> None:
    """Make synthetic HEp-2-like cells; a project left half-made goes on where it was.

    Sera differ in brightness, size, texture, focus and background, so that a split by specimen
    is harder than one at random, as with real cells.

    Example: cellquery synthesize --into cells --cells 3000 --specimens 36 --gallery cells.png
    """
    import os

    from cellquery.data.synthetic import (
        into_folder,
        into_project,
        save_gallery,
        synthetic_settings,
    )

    if into is None and gallery is None:
        raise SettingsError("--into", "nothing asked for", "name a project, or a --gallery file")
    settings = synthetic_settings(
        patterns=[name for name in patterns.split(",") if name.strip()],
        n_specimens=specimens,
        seed=seed,
        bit_depth=bits,
    )
    if gallery is not None:
        say(f"{save_gallery(settings, gallery)}: synthetic cells. {RESEARCH_USE_ONLY}")
    if into is None:
        return
    if workers is None:
        workers = (os.cpu_count() or 1) if cells >= _MANY else 1
    with progress_bar() as progress:
        if layout is Layout.project:
            into_project(cells, settings, into, workers=workers, progress=progress)
        else:
            into_folder(cells, settings, local_path(into), workers=workers, progress=progress)
    say(f"{into}: {cells:,} synthetic cells of {min(specimens, cells)} specimens, seed {seed}")
    if layout is Layout.table:
        say(f"Next: cellquery import {into} --into PROJECT")
    else:
        say(f"Next: cellquery audit {into}")
    say(RESEARCH_USE_ONLY)
