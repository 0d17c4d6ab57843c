"""Embeddings of judged cells laid out in a plane (Figures 11c, 12a, 13c and 14a of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellquery.core import title_of
from cellquery.reports.figures.plate import INK, Plate, dress, new_figure, percent
from cellquery.reports.palette import pattern_colour, pattern_short


def embedding_plane(
    positions: NDArray[np.floating],
    true: Sequence[str],
    predicted: Sequence[str],
    title: str = "",
) -> Plate:
    """Return cells as points of their true pattern's colour; those named wrongly are crosses.

    Parameters
    ----------
    positions : ndarray of float, shape (cells, 2)
        Such as t-SNE's; distances between clusters mean nothing.
    true, predicted : sequence of str, shape (cells,)
    title : str
        Which network, and what was judged.
    """
    names, said = np.array(true, dtype=object), np.array(predicted, dtype=object)
    right = names == said
    figure = new_figure(4.6)
    axes = dress(figure.subplots(), title=title)
    patterns = sorted(set(true), key=lambda one: (-int((names == one).sum()), one))
    for pattern in patterns:
        colour, own = pattern_colour(pattern), names == pattern
        x, y = positions[own & right].T
        axes.scatter(x, y, s=9, color=colour, alpha=0.75, linewidths=0, zorder=1)
        x, y = positions[own & ~right].T
        axes.scatter(x, y, s=22, marker="x", color=colour, linewidths=1.1, zorder=2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal", adjustable="datalim")
    keys = [
        Line2D(
            [], [], marker="o", linestyle="", color=pattern_colour(one), label=pattern_short(one)
        )
        for one in patterns
    ]
    keys.append(Line2D([], [], marker="x", linestyle="", color=INK, label="named wrongly"))
    axes.legend(
        handles=keys, frameon=False, fontsize=8.5, ncols=4, loc="upper center",
        bbox_to_anchor=(0.5, -0.01), handletextpad=0.2, columnspacing=1.2,
    )  # fmt: skip
    return Plate(figure, _in_words(positions, names, patterns))


def _in_words(
    positions: NDArray[np.floating], names: NDArray[np.object_], patterns: Sequence[str]
) -> str:
    words = f"Embeddings of {len(names):,} cells in a plane."
    if len(names) < 2:
        return words
    # The nearest of two is the cell itself, or another at the very same place.
    nearest = cKDTree(positions).query(positions, k=2)[1]
    other = np.where(nearest[:, 0] == np.arange(len(names)), nearest[:, 1], nearest[:, 0])
    own = names[other] == names
    shares = {pattern: float(own[names == pattern].mean()) for pattern in patterns}
    told = ", ".join(f"{title_of(one)} {percent(share)}" for one, share in shares.items())
    words += f" {percent(float(own.mean()))} % lie nearest to a cell of their own pattern"
    return f"{words}: {told}."
