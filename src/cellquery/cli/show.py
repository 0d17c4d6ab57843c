"""`cellquery show`: draw what the network sees of one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, local_path, path_or_url


def show(
    image: Annotated[
        Place,
        typer.Argument(
            parser=path_or_url, help="An image of one cell, or a project when CELL_ID follows."
        ),
    ],
    cell_id: Annotated[str | None, typer.Argument(help="A cell of the project.")] = None,
    out: Annotated[
        Place | None,
        typer.Option(
            parser=path_or_url,
            help="Where to draw, .png or .svg [default: NAME-wavelets.png here].",
        ),
    ] = None,
    wavelet: Annotated[
        str, typer.Option(help="An orthogonal wavelet of PyWavelets: haar, db2, sym4, ...")
    ] = "haar",
    details: Annotated[
        str, typer.Option(help="The sum: signed, H + V + D, or magnitude, |H| + |V| + |D|.")
    ] = "signed",
) -> None:
    """Draw a cell, its four wavelet sub-bands and the sum of details (Figures 3 and 4).

    Examples: cellquery show cell.png --out cell-wavelets.svg

    cellquery show cells 00313 --wavelet db2
    """
    from cellquery.core import InputError
    from cellquery.data import Project, read_image
    from cellquery.data.synthetic.notice import says_synthetic
    from cellquery.reports.wavelet_figure import wavelet_figure

    if cell_id is not None:
        project = Project.open(image)
        pixels, synthetic = project.store().pixels(cell_id), project.is_synthetic
        name = cell_id
    elif image.is_dir():
        raise InputError(image, "is a folder", "add the id of a cell, or give one image")
    else:
        file = local_path(image)
        pixels, synthetic, name = read_image(file).pixels, says_synthetic(file), file.name
    plate = wavelet_figure(
        pixels, title=f"Cell {name}", wavelet=wavelet, details=details, synthetic=synthetic
    )
    say(str(plate.save(out or Path(f"{Path(name).stem}-wavelets.png"))))
    say(RESEARCH_USE_ONLY)
