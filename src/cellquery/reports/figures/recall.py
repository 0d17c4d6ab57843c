"""Recall of each pattern with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellquery.core import title_of
from cellquery.reports.figures.plate import (
    GRID,
    INK,
    SOFT,
    Plate,
    dress,
    new_figure,
    percent,
    plain,
)
from cellquery.reports.palette import pattern_colour


def recall_by_pattern(
    patterns: Sequence[str],
    recall: Mapping[str, float | None],
    intervals: Mapping[str, tuple[float, float]],
    n_cells: Mapping[str, int],
    title: str = "",
) -> Plate:
    """Return one line a pattern: its recall, the interval, and the number of cells.

    Parameters
    ----------
    patterns : sequence of str
        The class list.
    recall : mapping of str to float or None
        Share of each pattern's cells that were recognised, 0 to 1; None without cells.
    intervals : mapping of str to tuple of float
        The interval of each recall.
    n_cells : mapping of str to int
        True cells of each pattern.
    title : str
        What was evaluated.
    """
    figure = new_figure(1.1 + 0.46 * len(patterns))
    axes = figure.subplots()
    dress(axes, title=title, x="recall (% of the pattern's cells)", grid="x")
    for place, pattern in enumerate(patterns):
        share, colour = recall.get(pattern), pattern_colour(pattern)
        if share is None:
            axes.text(0, place, "  no cells", va="center", fontsize=9, color=SOFT)
            continue
        low, high = intervals.get(pattern, (share, share))
        axes.plot((0, 100), (place, place), color=GRID, linewidth=0.8, zorder=0)
        axes.plot((100 * low, 100 * high), (place, place), color=colour, linewidth=5, alpha=0.45)
        axes.plot(
            100 * share,
            place,
            "o",
            color=colour,
            markersize=9,
            markeredgecolor=INK,
            clip_on=False,
        )
        text = f"{percent(share)}"
        axes.text(1.04, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    names = [f"{plain(title_of(one))}\nn = {n_cells.get(one, 0):,}" for one in patterns]
    axes.set_yticks(range(len(patterns)), names)
    axes.set(xlim=(0, 101), ylim=(len(patterns) - 0.5, -0.5))
    told = "; ".join(
        f"{title_of(one)} {percent(share)}"
        for one in patterns
        if (share := recall.get(one)) is not None
    )
    return Plate(figure, f"Recall of each pattern in per cent: {told}.")
