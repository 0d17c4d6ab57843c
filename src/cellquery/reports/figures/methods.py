"""Several methods beside each other: known sera, specimens never seen, and what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from cellquery.reports.figures.plate import INK, SOFT, Plate, dress, new_figure, plain
from cellquery.reports.palette import SEEN_SPECIMENS, UNSEEN_SPECIMENS


@dataclass(frozen=True)
class MethodResult:
    """The accuracies of one method, in percent.

    Attributes
    ----------
    name : str
    published : float or None
        On other cells than `known` and `unseen`.
    known, unseen : tuple of float
        ACA of each seed; empty where it was not measured.
    """

    name: str
    published: float | None = None
    known: tuple[float, ...] = ()
    unseen: tuple[float, ...] = ()


def method_comparison(results: Sequence[MethodResult], title: str = "") -> Plate:
    """Return one line a method: ACA on known sera, on unseen specimens, and as published.

    A dot stands for the mean over seeds, the bar through it for the lowest and the highest seed.

    Parameters
    ----------
    results : sequence of MethodResult
        Drawn from top to bottom.
    title : str
    """
    figure = new_figure(1.6 + 0.42 * len(results), 7.0)
    axes = figure.subplots()
    dress(axes, title=title, x="ACA, per cent", grid="both")
    told = []
    for place, one in enumerate(results):
        if one.published is not None:
            axes.plot(one.published, place, "|", color=SOFT, markersize=14, markeredgewidth=2)
        drawn = ((one.unseen, "D", UNSEEN_SPECIMENS), (one.known, "o", SEEN_SPECIMENS))
        for values, marker, colour in drawn:
            if values:
                spread = (min(values), max(values))
                axes.plot(spread, (place, place), color=colour, linewidth=5, alpha=0.4)
                mean = float(np.mean(values))
                axes.plot(mean, place, marker, color=colour, markersize=8, markeredgecolor=INK)
        words = [
            f"{float(np.mean(values)):.1f} {where}"
            for values, where in ((one.known, "known"), (one.unseen, "unseen"))
            if values
        ]
        told.append(f"{one.name} {', '.join(words) or 'not measured'}")
    for marker, colour, name in (
        ("D", UNSEEN_SPECIMENS, "specimens never seen"),
        ("o", SEEN_SPECIMENS, "test, known sera"),
        ("|", SOFT, "published, on other cells"),
    ):
        axes.plot([], [], marker, color=colour, markersize=8, linestyle="none", label=name)
    axes.set_yticks(range(len(results)), [plain(fill(one.name, 42)) for one in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(axes.get_xlim()[0], 100.5)
    figure.legend(loc="outside upper left", frameon=False, fontsize=8.5, ncols=3)
    return Plate(figure, f"ACA in per cent: {'; '.join(told)}.")
