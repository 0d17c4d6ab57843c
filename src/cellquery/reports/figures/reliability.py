"""Whether a stated probability can be believed: the reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellquery.reports.figures.plate import SOFT, Plate, dress, new_figure, percent
from cellquery.reports.palette import NEUTRAL, VALIDATION


def reliability_diagram(
    bins: Sequence[Mapping[str, float]],
    ece: float,
    ece_interval: tuple[float, float] | None = None,
    title: str = "",
) -> Plate:
    """Return accuracy against stated probability, with the number of cells at each.

    Parameters
    ----------
    bins : sequence of mapping
        Each with ``confidence`` (mean probability of the predicted pattern, 0 to 1), ``accuracy``
        (share of right predictions, 0 to 1) and ``count`` (cells). Empty bins are left out.
    ece : float
        Expected calibration error, 0 to 1.
    ece_interval : tuple of float, optional
        Its interval.
    title : str
        What was evaluated.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.
    """
    filled = [one for one in bins if one["count"] > 0]
    confidence = [100 * one["confidence"] for one in filled]
    accuracy = [100 * one["accuracy"] for one in filled]
    counts = [one["count"] for one in filled]
    figure = new_figure(5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    error = f"calibration error (ECE) {percent(ece)} %"
    if ece_interval is not None:
        error += f" ({percent(ece_interval[0])} to {percent(ece_interval[1])})"
    heading = f"{title}\n{error}" if title else error
    dress(above, title=heading, y="right (%)", grid="both")
    dress(below, x="stated probability (%)", y="cells", grid="y")
    above.plot((0, 100), (0, 100), color=SOFT, linestyle="--", linewidth=1, label="ideal")
    above.vlines(confidence, confidence, accuracy, color=NEUTRAL, linewidth=1.5)
    above.plot(confidence, accuracy, "o-", color=VALIDATION, markersize=5, label="this model")
    above.legend(frameon=False, fontsize=9, loc="upper left")
    above.set(xlim=(0, 101), ylim=(0, 103))
    below.bar(confidence, counts, width=4, color=NEUTRAL)
    over = sum(
        count * (said - was) for said, was, count in zip(confidence, accuracy, counts, strict=True)
    )
    leaning = "over-confident" if over > 0 else "under-confident"
    return Plate(figure, f"Reliability diagram: {error}; on average the model is {leaning}.")
