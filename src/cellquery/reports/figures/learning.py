"""Accuracy and loss over the epochs (Figure 10a of the paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cellquery.reports.figures.plate import SOFT, Plate, dress, new_figure, percent
from cellquery.reports.palette import TRAIN, VALIDATION


def learning_curves(epochs: Sequence[Mapping[str, float | None]], title: str = "") -> Plate:
    """Return the curves of accuracy and loss, with the epoch whose weights were kept.

    Parameters
    ----------
    epochs : sequence of mapping
        The lines of ``epochs.jsonl``: ``epoch``, ``train_loss``, ``train_accuracy``,
        ``validation_loss``, ``validation_accuracy`` (accuracies from 0 to 1). Validation may be
        absent or null.
    title : str
        Which training this is.
    """
    figure = new_figure(4.6)
    above, below = figure.subplots(2, 1, sharex=True)
    dress(above, title=title, y="accuracy (%)", grid="y")
    dress(below, x="epoch", y="loss (cross-entropy)", grid="y")
    _draw(above, epochs, "accuracy", 100)
    _draw(below, epochs, "loss", 1)
    below.set_ylim(bottom=0)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    alt = f"Curves of accuracy and loss over {len(epochs)} epochs."
    validated = [epoch for epoch in epochs if epoch.get("validation_loss") is not None]
    if validated:
        best = min(validated, key=lambda epoch: float(epoch["validation_loss"] or 0))
        at = float(best["epoch"] or 0)
        for axes in (above, below):
            axes.axvline(at, color=SOFT, linewidth=1, linestyle=":")
        late = at > len(epochs) / 2
        below.annotate(
            "lowest validation loss ",
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, -2),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            fontsize=8,
            color=SOFT,
        )
        accuracy = best.get("validation_accuracy")
        alt += f" Validation loss is lowest at epoch {at:.0f}"
        alt += f", accuracy {percent(accuracy)} %." if accuracy is not None else "."
    return Plate(figure, alt)


def _draw(
    axes: Axes, epochs: Sequence[Mapping[str, float | None]], quantity: str, scale: float
) -> None:
    looks = (("train", TRAIN, "--", "s"), ("validation", VALIDATION, "-", "o"))
    for part, colour, line, marker in looks:
        points = [
            (epoch["epoch"], scale * value)
            for epoch in epochs
            if (value := epoch.get(f"{part}_{quantity}")) is not None
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=3.5,
                label={"train": "training", "validation": "validation"}[part],
            )
    if axes.lines:
        axes.legend(frameon=False, fontsize=9, loc="center right")
