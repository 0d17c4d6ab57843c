"""What the cells of each specimen were taken for: the unit in which a laboratory decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.patches import Patch

from cellquery.core import title_of
from cellquery.reports.figures.plate import INK, SOFT, Plate, dress, new_figure, plain
from cellquery.reports.palette import pattern_colour, pattern_short


@dataclass(frozen=True)
class SpecimenResult:
    """The predictions of one specimen.

    Attributes
    ----------
    specimen : str
        Its identifier.
    pattern : str or None
        Its true pattern, where known.
    counts : mapping of str to int
        Cells by predicted pattern.
    vote : str
        The pattern of the highest mean probability over the specimen's cells.
    """

    specimen: str
    pattern: str | None
    counts: Mapping[str, int]
    vote: str

    @property
    def n_cells(self) -> int:
        """Cells of the specimen."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """The share of its cells that agree with the vote, 0 to 1."""
        return self.counts.get(self.vote, 0) / self.n_cells


def specimen_bars(
    results: Sequence[SpecimenResult], patterns: Sequence[str], title: str = ""
) -> Plate:
    """Return one bar a specimen, divided by predicted pattern, grouped by true pattern.

    Parameters
    ----------
    results : sequence of SpecimenResult
        Specimens with at least one cell.
    patterns : sequence of str
        The class list, in the order of the bars' parts.
    title : str
        What was evaluated.
    """
    order = {pattern: place for place, pattern in enumerate(patterns)}
    ranked = sorted(results, key=lambda one: (order.get(one.pattern or "", len(order)), -one.share))
    figure = new_figure(1.5 + 0.235 * len(ranked))
    axes = figure.subplots()
    dress(axes, title=title, x="cells of the specimen, by predicted pattern (%)")
    for place, result in enumerate(ranked):
        left = 0.0
        for pattern in patterns:
            width = 100 * result.counts.get(pattern, 0) / result.n_cells
            if width:
                colour = pattern_colour(pattern)
                axes.barh(place, width, 0.78, left, color=colour, edgecolor="white", linewidth=0.6)
            left += width
        known = result.pattern is not None
        mark = "" if not known else "✓" if result.vote == result.pattern else "✗"
        vote = plain(pattern_short(result.vote))
        text = f"{mark} {vote}, n = {result.n_cells:,}".strip()
        where = axes.get_yaxis_transform()
        axes.text(1.01, place, text, transform=where, va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(ranked)), [_row_name(one) for one in ranked])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.set(xlim=(0, 100), ylim=(len(ranked) - 0.4, -0.6))
    seen = [one for one in patterns if any(result.counts.get(one) for result in ranked)]
    handles = [Patch(color=pattern_colour(one)) for one in seen]
    figure.legend(
        handles,
        [plain(title_of(one)) for one in seen],
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=8,
        labelcolor=SOFT,
    )
    judged = [one for one in ranked if one.pattern is not None]
    right = sum(one.vote == one.pattern for one in judged)
    alt = f"Predicted patterns of the cells of {len(ranked)} specimens."
    if judged:
        alt += f" The vote of the cells is right for {right} of {len(judged)} specimens."
    return Plate(figure, alt)


def _row_name(result: SpecimenResult) -> str:
    name = result.specimen if len(result.specimen) <= 14 else f"{result.specimen[:13]}…"
    return plain(f"{pattern_short(result.pattern)}  {name}" if result.pattern else name)
