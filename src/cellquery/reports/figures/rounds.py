"""How good the network of a campaign is after each round, and whether it still changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from cellquery.reports.figures.plate import SOFT, Plate, dress, new_figure, percent
from cellquery.reports.palette import NEUTRAL, RIGHT, UNSEEN_SPECIMENS

_JUDGED = (UNSEEN_SPECIMENS, "#009E73", "#CC79A7", "#56B4E9")


def accuracy_by_labels(
    estimates: Sequence[tuple[int, Mapping[str, Any]]],
    judged: Mapping[str, Sequence[tuple[int, float]]],
    title: str = "",
) -> Plate:
    """Return the learning curve of a campaign: accuracy against cells labelled so far.

    Parameters
    ----------
    estimates : sequence of (int, mapping)
        Labels, and the estimate from audit cells: ``accuracy``, ``low`` and ``high``, 0 to 1.
    judged : mapping of str to sequence of (int, float)
        Labels and MCA, 0 to 1, on each part that was judged.
    title : str
    """
    figure = new_figure(3.6)
    axes = dress(figure.subplots(), title=title, x="labelled cells", y="%", grid="y")
    told = []
    if estimates:
        at = [n for n, _ in estimates]
        means = [100 * each["accuracy"] for _, each in estimates]
        below = [mean - 100 * each["low"] for mean, (_, each) in zip(means, estimates, strict=True)]
        above = [
            100 * each["high"] - mean for mean, (_, each) in zip(means, estimates, strict=True)
        ]
        axes.errorbar(
            at, means, yerr=(below, above), fmt="o-", color=RIGHT, capsize=3,
            label="accuracy on unlabelled cells, 95 % interval",
        )  # fmt: skip
        last = estimates[-1][1]
        told.append(
            f"accuracy on unlabelled cells at the end {percent(last['accuracy'])} "
            f"({percent(last['low'])} to {percent(last['high'])})"
        )
    for colour, (part, points) in zip(_JUDGED * len(judged), judged.items(), strict=False):
        values = [100 * mca for _, mca in points]
        axes.plot([n for n, _ in points], values, "s--", color=colour, label=f"MCA on “{part}”")
        told.append(f"MCA on {part} {values[0]:.1f} at first, {values[-1]:.1f} at the end")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 102)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    return Plate(figure, f"Learning curve in per cent: {'; '.join(told)}.")


def stability_by_round(
    kappas: Sequence[float | None], threshold: float | None, title: str = ""
) -> Plate:
    """Return how far each round's predictions agree with those of the round before.

    Parameters
    ----------
    kappas : sequence of float or None
        Cohen's kappa of each round; None for the first.
    threshold : float or None
        At which kappa, in three rounds running, predictions count as stabilised.
    title : str
    """
    figure = new_figure(3.0)
    axes = dress(figure.subplots(), title=title, x="round", y="Cohen's kappa", grid="y")
    points = [(number, kappa) for number, kappa in enumerate(kappas) if kappa is not None]
    axes.plot(*zip(*points, strict=True), "o-", color=NEUTRAL)
    lowest = min(0.0, *(kappa for _, kappa in points))
    axes.set_ylim(lowest, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if threshold is not None:
        axes.axhline(threshold, color=SOFT, linewidth=1, linestyle=":")
    told = ", ".join(f"{kappa:.3f}" for _, kappa in points)
    return Plate(figure, f"Agreement of each round's predictions with the round before: {told}.")
