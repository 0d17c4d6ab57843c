"""The same model judged twice: on specimens it never saw, and on a random split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellquery.core import title_of
from cellquery.reports.figures.plate import INK, SOFT, Plate, dress, new_figure, percent, plain
from cellquery.reports.palette import SEEN_SPECIMENS, UNSEEN_SPECIMENS


@dataclass(frozen=True)
class SplitResult:
    """The figures of one evaluation.

    Attributes
    ----------
    name : str
        What was evaluated, for the legend.
    unseen : bool
        Whether no specimen of the test was in the training.
    values : mapping of str to float
        ``aca``, ``mca`` and the recall of each pattern, 0 to 1.
    intervals : mapping of str to tuple of float
        The intervals that are known.
    """

    name: str
    unseen: bool
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def split_comparison(
    results: Sequence[SplitResult], patterns: Sequence[str], title: str = ""
) -> Plate:
    """Return accuracy, mean class accuracy and recalls of several evaluations, line by line.

    Parameters
    ----------
    results : sequence of SplitResult
        Evaluations; those on unseen specimens are drawn first.
    patterns : sequence of str
        The class list.
    title : str
        What is compared.
    """
    ordered = sorted(results, key=lambda one: not one.unseen)
    rows = ["aca", "mca", *patterns]
    figure = new_figure(1.5 + 0.4 * len(rows))
    axes = figure.subplots()
    dress(axes, title=title, x="per cent", grid="x")
    for row, name in enumerate(rows):
        for place, one in enumerate(ordered):
            if name not in one.values:
                continue
            y = row + 0.26 * (place - (len(ordered) - 1) / 2)
            colour = UNSEEN_SPECIMENS if one.unseen else SEEN_SPECIMENS
            if name in one.intervals:
                low, high = one.intervals[name]
                axes.plot((100 * low, 100 * high), (y, y), color=colour, linewidth=4, alpha=0.4)
            axes.plot(
                100 * one.values[name],
                y,
                "D" if one.unseen else "o",
                color=colour,
                markersize=7,
                markeredgecolor=INK,
                markeredgewidth=0.6,
                label=plain(one.name) if row == 0 else None,
                linestyle="none",
                clip_on=False,
            )
    titles = {"aca": "Accuracy (ACA)", "mca": "Mean class acc. (MCA)"}
    axes.set_yticks(range(len(rows)), [titles.get(one) or plain(title_of(one)) for one in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(max(0, axes.get_xlim()[0]), 101)
    axes.axhline(1.5, color=SOFT, linewidth=0.6)
    figure.legend(loc="outside upper left", frameon=False, fontsize=8.5, ncols=1)
    told = "; ".join(
        f"{one.name}: ACA {percent(one.values['aca'])}, MCA {percent(one.values['mca'])}"
        for one in ordered
    )
    return Plate(figure, f"Comparison of evaluations in per cent: {told}.")
