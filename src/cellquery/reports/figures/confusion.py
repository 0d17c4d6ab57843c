"""The confusion matrix (Figure 10b of the paper)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cellquery.core import title_of
from cellquery.reports.figures.plate import INK, Plate, dress, new_figure, percent, plain
from cellquery.reports.palette import pattern_short


def confusion_matrix(confusion: ArrayLike, patterns: Sequence[str], title: str = "") -> Plate:
    """Return the confusion matrix as percentages of each true pattern, with counts.

    Parameters
    ----------
    confusion : array_like of int, shape (patterns, patterns)
        Numbers of cells; rows are true patterns, columns predicted ones.
    patterns : sequence of str
        The class list, in the order of rows and columns.
    title : str
        What was evaluated. The total accuracy is added.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    n_classes, n_cells = len(patterns), int(counts.sum())
    accuracy = np.trace(counts) / n_cells if n_cells else 0.0
    side_in = max(5.0, 0.72 * n_classes + 1.2)
    figure = new_figure(side_in, side_in)
    axes = figure.subplots()
    heading = f"{title}\n" if title else ""
    heading += f"accuracy {percent(accuracy)} % of {n_cells:,} cells"
    dress(axes, title=heading, x="predicted", y="true")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    short = [plain(pattern_short(pattern)) for pattern in patterns]
    axes.set_xticks(range(n_classes), short, rotation=0 if n_classes <= 7 else 60)
    names = [f"{name}\nn = {total:,}" for name, total in zip(short, totals[:, 0], strict=True)]
    axes.set_yticks(range(n_classes), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(counts.shape):
        if not totals[row]:
            text = "–"
        else:
            text = f"{percent(shares[row, column])}\n({counts[row, column]:,})"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=8.5,
            color="white" if shares[row, column] > 0.55 else INK,
            alpha=1 if counts[row, column] else 0.55,
        )
    return Plate(figure, _in_words(counts, shares, patterns, accuracy, n_cells))


def _in_words(
    counts: np.ndarray,
    shares: np.ndarray,
    patterns: Sequence[str],
    accuracy: float,
    n_cells: int,
) -> str:
    words = f"Confusion matrix of {n_cells} cells, {percent(accuracy)} % right."
    off = np.where(np.eye(len(patterns), dtype=bool), 0, shares)
    if off.any():
        row, column = divmod(int(off.argmax()), len(patterns))
        words += (
            f" The largest confusion: {percent(off[row, column])} % of "
            f"{title_of(patterns[row])} taken for {title_of(patterns[column])} "
            f"({counts[row, column]} cells)."
        )
    return words
