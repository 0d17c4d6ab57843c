"""The figures of an audit: what properties give away, how classes differ, what file order holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from cellquery.core import title_of
from cellquery.data.audit import Cue, FileOrder
from cellquery.reports.figures.plate import GRID, INK, SOFT, Plate, dress, new_figure, plain
from cellquery.reports.palette import SEEN_SPECIMENS, UNSEEN_SPECIMENS, pattern_colour

_MOST_BARS = 8


def cue_overview(cues: Sequence[Cue]) -> Plate:
    """Return one row a property: how often it alone names the pattern, against guessing.

    Parameters
    ----------
    cues : sequence of Cue
        At least one that varies.
    """
    ranked = sorted((cue for cue in cues if cue.varies), key=lambda cue: -cue.balanced_accuracy)
    chance = 100 * ranked[0].chance
    figure = new_figure(1.35 + 0.32 * len(ranked))
    axes = figure.subplots()
    dress(axes, x="balanced accuracy of naming the pattern from it alone (%)", grid="x")
    axes.axvline(chance, color=INK, linewidth=1, linestyle="--")
    told = []
    for place, cue in enumerate(ranked):
        value = 100 * cue.balanced_accuracy
        axes.plot((chance, value), (place, place), color=GRID, linewidth=4, zorder=1)
        axes.plot(value, place, "o", color=SEEN_SPECIMENS, markersize=8)
        words = f"{cue.measured.title} {value:.0f}"
        if cue.unseen_accuracy is not None:
            unseen = 100 * cue.unseen_accuracy
            axes.plot(unseen, place, "D", color=UNSEEN_SPECIMENS, markersize=6)
            words += f" ({unseen:.0f} on unseen specimens)"
        told.append(words)
    axes.set_yticks(range(len(ranked)), [cue.measured.title for cue in ranked])
    axes.set(xlim=(0, 101), ylim=(len(ranked) - 0.5, -0.5))
    handles = [
        Line2D([], [], color=SEEN_SPECIMENS, marker="o", linestyle="", label="at random"),
        Line2D([], [], color=INK, linestyle="--", label=f"guessing, {chance:.0f} %"),
    ]
    if any(cue.unseen_accuracy is not None for cue in ranked):
        unseen_mark = Line2D(
            [], [], color=UNSEEN_SPECIMENS, marker="D", linestyle="", label="unseen specimens"
        )
        handles.insert(1, unseen_mark)
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=8)
    return Plate(figure, f"Pattern named from one property, per cent: {'; '.join(told)}.")


def property_by_pattern(
    title: str, unit: str, values: Mapping[str, NDArray[np.float64]], *, names: Sequence[str] = ()
) -> Plate:
    """Return a property's distribution in each pattern.

    Few different values are drawn as shares, more as boxes: the middle half, its median, and
    whiskers from the 5th to the 95th percentile.

    Parameters
    ----------
    title, unit : str
        What the property is called and measured in.
    values : mapping of str to ndarray
        The values of each pattern's cells.
    names : sequence of str
        What the values 0, 1, ... stand for, where they stand for something.
    """
    figure = new_figure(0.95 + 0.3 * len(values) + (0.25 if unit == "" else 0), 4.2)
    axes = figure.subplots()
    different = np.unique(np.concatenate(list(values.values())))
    if len(different) <= _MOST_BARS:
        dress(axes, title=title, x="cells of the pattern (%)")
        greys = np.linspace(0.15, 0.85, len(different))
        for place, found in enumerate(values.values()):
            left = 0.0
            for value, grey in zip(different, greys, strict=True):
                width = 100 * float((found == value).mean())
                axes.barh(place, width, 0.7, left, color=str(grey), edgecolor="white")
                left += width
        handles = [Patch(color=str(grey)) for grey in greys]
        words = [plain(names[int(v)]) if names else f"{v:g} {unit}".strip() for v in different]
        figure.legend(
            handles, words, loc="outside lower center", ncols=4, frameon=False, fontsize=8
        )
        axes.set_xlim(0, 100)
    else:
        dress(axes, title=title, x=unit, grid="x")
        boxes = axes.boxplot(
            list(values.values()),
            orientation="horizontal",
            positions=range(len(values)),
            widths=0.6,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 1.6},
            whiskerprops={"color": SOFT},
            capprops={"color": SOFT},
        )
        for box, pattern in zip(boxes["boxes"], values, strict=True):
            box.set(facecolor=pattern_colour(pattern), edgecolor=SOFT, alpha=0.85)
    axes.set_yticks(range(len(values)), [plain(title_of(pattern)) for pattern in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    medians = "; ".join(f"{title_of(p)} {np.median(v):g}" for p, v in values.items())
    return Plate(figure, f"{title} by pattern, medians: {medians}.")


def likeness_by_distance(order: FileOrder) -> Plate:
    """Return how alike cells are by the number of files between them."""
    figure = new_figure(2.9)
    axes = figure.subplots()
    dress(
        axes,
        x="places apart in the file list, within a pattern",
        y="times as alike as\nrandom cells",
        grid="y",
    )
    distances, values = list(order.by_distance), list(order.by_distance.values())
    axes.axhline(1, color=INK, linewidth=1, linestyle="--")
    axes.plot(distances, values, "o-", color=SEEN_SPECIMENS)
    axes.set_xscale("log", base=2)
    axes.set_xticks(distances, [str(distance) for distance in distances])
    axes.set_ylim(0, max(1.5, 1.08 * max(values)))
    axes.text(distances[0], 0.95, "file order says nothing", va="top", fontsize=8)
    if order.run_length is not None and distances[0] < order.run_length <= distances[-1]:
        axes.axvline(order.run_length, color=UNSEEN_SPECIMENS, linewidth=1)
        axes.text(
            order.run_length,
            axes.get_ylim()[1],
            f" runs of about {order.run_length}",
            va="top",
            fontsize=8,
            color=UNSEEN_SPECIMENS,
        )
    return Plate(
        figure,
        f"Neighbours in the file list are {order.likeness:.1f} times as alike as random cells of "
        "their pattern; the likeness fades with distance.",
    )
