"""The four cases against each other: Figures 15 to 17 of the paper, and what the rounds did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cellquery.core import title_of
from cellquery.reports.figures.plate import Plate, dress, new_figure, percent
from cellquery.reports.palette import pattern_colour, pattern_short

# Initial learning is blue, its absence orange; active choice is a full line, random a dashed one.
_LOOK = {
    "RS": ("#E69F00", "--", "s"),
    "AL": ("#D55E00", "-", "s"),
    "IN-RS": ("#56B4E9", "--", "o"),
    "IN-AL": ("#0072B2", "-", "o"),
}
# By case, by budget (share of the pool), by seed: a value from 0 to 1.
Curves = Mapping[str, Mapping[float, Mapping[int, float]]]


def accuracy_by_budget(curves: Curves, measure: str, title: str = "") -> Plate:
    """Return accuracy against budget, a line a case, with every seed as a dot (Figure 16).

    Parameters
    ----------
    curves : mapping of case to mapping of budget to mapping of seed to float
        Budgets are shares of the pool; accuracies run from 0 to 1.
    measure : str
        Such as "MCA".
    title : str
        What was judged.
    """
    figure = new_figure(3.9)
    axes = dress(
        figure.subplots(), title=title, x="labelled share of the pool (%)", y=f"{measure} (%)",
        grid="both",
    )  # fmt: skip
    told = []
    budgets = sorted({budget for points in curves.values() for budget in points})
    for case, points in curves.items():
        colour, line, mark = _LOOK[case]
        shares = sorted(points)
        means = [100 * float(np.mean(list(points[share].values()))) for share in shares]
        axes.plot(
            [100 * share for share in shares], means, line, marker=mark, color=colour, label=case
        )
        for share in shares:
            values = [100 * value for value in points[share].values()]
            axes.plot([100 * share] * len(values), values, ".", color=colour, alpha=0.7, zorder=0)
        ends = (
            f"{means[0]:.1f} at {100 * shares[0]:g} % to {means[-1]:.1f} at {100 * shares[-1]:g} %"
        )
        told.append(f"{case} {ends}")
    axes.set_xscale("log")
    axes.set_xticks([100 * budget for budget in budgets], [f"{100 * b:g}" for b in budgets])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
    return Plate(figure, f"{measure} in per cent against labelled share: {'; '.join(told)}.")


def hardest_patterns(recalls: Mapping[str, Mapping[str, float]], title: str = "") -> Plate:
    """Return the recall of the three patterns that are hardest on average, by case (Figure 15).

    Parameters
    ----------
    recalls : mapping of case to mapping of pattern to float
        Means over seeds, from 0 to 1.
    title : str
        What was judged, and at which budget.
    """
    first, *others = recalls.values()
    patterns = [pattern for pattern in first if all(pattern in recall for recall in others)]
    means = {p: float(np.mean([recall[p] for recall in recalls.values()])) for p in patterns}
    hardest = sorted(patterns, key=lambda pattern: means[pattern])[:3]
    figure = new_figure(3.4)
    axes = dress(figure.subplots(), title=title, y="recall (%)", grid="y")
    cases, width = list(recalls), 0.26
    for place, pattern in enumerate(hardest):
        heights = [100 * recalls[case][pattern] for case in cases]
        at = np.arange(len(cases)) + (place - 1) * width
        bars = axes.bar(
            at, heights, 0.9 * width, color=pattern_colour(pattern), label=title_of(pattern)
        )
        axes.bar_label(bars, [f"{height:.0f}" for height in heights], fontsize=8)
    axes.set_xticks(range(len(cases)), cases)
    axes.set_ylim(0, 112)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.08))
    told = "; ".join(
        f"{case}: " + ", ".join(f"{title_of(one)} {percent(recalls[case][one])}" for one in hardest)
        for case in cases
    )
    return Plate(figure, f"Recall in per cent of the three hardest patterns. {told}.")


def gain_of_initial_learning(curves: Curves, measure: str, title: str = "") -> Plate:
    """Return what initial learning adds at each budget, random and active (Figure 17).

    Gains are differences of the same seed; a dot is a seed.
    """
    figure = new_figure(3.4)
    axes = dress(
        figure.subplots(), title=title, x="labelled share of the pool (%)",
        y=f"gain of {measure} (points)", grid="y",
    )  # fmt: skip
    told = []
    budgets = sorted({budget for points in curves.values() for budget in points})
    for place, (without, with_initial) in enumerate((("RS", "IN-RS"), ("AL", "IN-AL"))):
        gains = {
            budget: values
            for budget in budgets
            if (values := _gains(curves, without, with_initial, budget))
        }
        if not gains:
            continue
        colour = _LOOK[with_initial][0]
        at = [budgets.index(budget) + 0.4 * place - 0.2 for budget in gains]
        means = [float(np.mean(values)) for values in gains.values()]
        label = "random" if without == "RS" else "active"
        bars = axes.bar(at, means, 0.36, color=colour, label=label)
        axes.bar_label(bars, [f"{mean:+.1f}" for mean in means], fontsize=8)
        for x, values in zip(at, gains.values(), strict=True):
            axes.plot([x] * len(values), values, ".", color="#1A1F26", markersize=4)
        pairs = zip(gains, means, strict=True)
        told.append(f"{label}: " + ", ".join(f"{m:+.1f} at {100 * b:g} %" for b, m in pairs))
    axes.axhline(0, color="#4D5661", linewidth=0.8)
    axes.set_xticks(range(len(budgets)), [f"{100 * budget:g}" for budget in budgets])
    if told:
        axes.legend(frameon=False, fontsize=9)
    return Plate(figure, f"Gain of {measure} in points by initial learning. {'; '.join(told)}.")


def _gains(curves: Curves, without: str, with_initial: str, budget: float) -> list[float]:
    """Return the gain in points of each seed that has both."""
    before = curves.get(without, {}).get(budget, {})
    after = curves.get(with_initial, {}).get(budget, {})
    return [100 * (after[seed] - before[seed]) for seed in sorted(before.keys() & after.keys())]


def agreement_by_round(
    campaigns: Mapping[str, Sequence[Sequence[tuple[int, float]]]],
    thresholds: Sequence[float],
    title: str = "",
) -> Plate:
    """Return how far each round's predictions for the pool agree with those of the round before.

    Parameters
    ----------
    campaigns : mapping of case to sequence of sequence of (int, float)
        One sequence a seed: labels after each round, and Cohen's kappa.
    thresholds : sequence of float
        Kappas that are marked: predictions count as stable once three rounds keep to one.
    title : str
        At which budget.
    """
    figure = new_figure(3.0)
    axes = dress(figure.subplots(), title=title, x="labelled cells", y="Cohen's kappa", grid="both")
    told = []
    for case, seeds in campaigns.items():
        colour, line, mark = _LOOK[case]
        for number, points in enumerate(seeds):
            axes.plot(
                *zip(*points, strict=True), line, marker=mark, markersize=4, color=colour,
                alpha=0.8, label=None if number else case,
            )  # fmt: skip
        last = [points[-1][1] for points in seeds]
        told.append(f"{case} {np.mean(last):.3f} in the last round")
    for threshold in thresholds:
        axes.axhline(threshold, color="#4D5661", linewidth=0.9, linestyle=":", zorder=0)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return Plate(figure, f"Agreement of successive rounds: {'; '.join(told)}.")


def labels_by_round(counts: Sequence[Mapping[str, int]], title: str = "") -> Plate:
    """Return how many labels each pattern has after each round, stacked."""
    figure = new_figure(3.4)
    axes = dress(figure.subplots(), title=title, x="round", y="labelled cells", grid="y")
    bottom = np.zeros(len(counts))
    for pattern in counts[-1]:
        heights = np.array([count.get(pattern, 0) for count in counts], dtype=float)
        axes.bar(
            range(len(counts)), heights, 0.8, bottom=bottom, color=pattern_colour(pattern),
            label=pattern_short(pattern),
        )  # fmt: skip
        bottom += heights
    axes.set_xticks(range(len(counts)))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    last = ", ".join(f"{title_of(pattern)} {n}" for pattern, n in counts[-1].items())
    return Plate(figure, f"Labels of each pattern after each round; at the end: {last}.")


def time_by_round(seconds: Sequence[Mapping[str, float]], title: str = "") -> Plate:
    """Return the seconds of each round, stacked by what they were spent on."""
    figure = new_figure(3.0)
    axes = dress(figure.subplots(), title=title, x="round", y="seconds", grid="y")
    colours = ("#009E73", "#56B4E9", "#0072B2", "#E69F00", "#7F7F7F")
    bottom = np.zeros(len(seconds))
    kinds = ("selection", "caching", "training", "scoring", "judging")
    for kind, colour in zip(kinds, colours, strict=True):
        heights = np.array([each.get(kind, 0.0) for each in seconds])
        axes.bar(range(len(seconds)), heights, 0.8, bottom=bottom, color=colour, label=kind)
        bottom += heights
    axes.set_xticks(range(len(seconds)))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    return Plate(figure, f"Seconds of each round: {', '.join(f'{s:.0f}' for s in bottom)}.")
