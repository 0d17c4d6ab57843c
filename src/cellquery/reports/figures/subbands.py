"""A cell, its sub-bands and the sum of details (Figures 3 and 4 of the paper)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellquery.reports.figures.plate import SOFT, Plate, new_figure, plain


def subband_figure(
    cell: NDArray[np.floating[Any]],
    bands: Mapping[str, NDArray[np.floating[Any]]],
    total: NDArray[np.floating[Any]],
    *,
    wavelet: str,
    details: str,
    title: str,
    note: str = "",
) -> Plate:
    """Return six panels: the cell, A, H, V, D and the sum of H, V and D.

    The three details and a signed sum share one symmetric scale (zero is mid-grey), so that their
    strengths can be compared; the cell and the approximation go from their least to their greatest
    value. Every panel has its colour bar.

    Parameters
    ----------
    cell : ndarray, shape (height, width)
        The prepared cell, one channel.
    bands : mapping of str to ndarray, shape (height / 2, width / 2)
        ``approximation``, ``horizontal``, ``vertical`` and ``diagonal``.
    total : ndarray, shape (height / 2, width / 2)
        The sum of details.
    wavelet : str
        The wavelet's name.
    details : {"signed", "magnitude"}
        How the sum was formed.
    title : str
        Which cell this is.
    note : str
        What to add below the title, such as that the cell is synthetic.
    """
    signed = details == "signed"
    figure = new_figure(6.6, 8.6)
    panels = figure.subplots(2, 3).ravel()
    reach = max(float(np.abs(bands[name]).max()) for name in ("horizontal", "vertical", "diagonal"))
    reach = max(reach, float(np.abs(total).max()) if signed else 0.0) or 1.0
    size = "{} × {} px".format
    one_range, shared = (None, None), (-reach, reach)
    contents = (
        (cell, "Cell", size(*cell.shape), one_range),
        (
            bands["approximation"],
            "A, approximation",
            "low-passed along both axes; goes to the first branch",
            one_range,
        ),
        (
            total,
            "Sum H + V + D" if signed else "Sum |H| + |V| + |D|",
            "sum of the details; goes to the second branch",
            shared if signed else (0.0, float(total.max()) or 1.0),
        ),
        (
            bands["horizontal"],
            "H, horizontal detail",
            "high-passed along the height: horizontal edges",
            shared,
        ),
        (
            bands["vertical"],
            "V, vertical detail",
            "high-passed along the width: vertical edges",
            shared,
        ),
        (bands["diagonal"], "D, diagonal detail", "high-passed along both axes", shared),
    )
    for axes, (image, name, explanation, (low, high)) in zip(panels, contents, strict=True):
        drawn = axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(name, fontsize=10.5, pad=17)
        axes.text(
            0.5,
            1.02,
            explanation,
            transform=axes.transAxes,
            ha="center",
            va="bottom",
            fontsize=7,
            color=SOFT,
        )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(SOFT)
        bar = figure.colorbar(
            drawn, ax=axes, orientation="horizontal", shrink=0.7, aspect=28, pad=0.02
        )
        bar.ax.tick_params(labelsize=7, colors=SOFT)
    _head(figure, title, _scales_in_words(signed, cell, bands["approximation"], wavelet), note)
    alt = (
        f"{title}: the cell of {size(*cell.shape)} pixels, its approximation, its horizontal, "
        f"vertical and diagonal details and their {details} sum, by the {wavelet} wavelet. {note}"
    )
    return Plate(figure, alt.strip())


def _head(figure: Figure, title: str, scales: str, note: str) -> None:
    explained = textwrap.wrap(f"{scales} {note}".strip(), 112)
    figure.suptitle("\n".join([plain(title), *explained]), fontsize=9, x=0.01, ha="left")


def _scales_in_words(
    signed: bool, cell: NDArray[Any], approximation: NDArray[Any], wavelet: str
) -> str:
    words = "H, V, D and their sum share one scale" if signed else "H, V and D share one scale"
    return (
        f"One step of the {wavelet} wavelet. {words} with zero mid-grey; the other panels run from "
        "their least to their greatest value."
    )
