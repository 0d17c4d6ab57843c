"""One evaluation: every figure with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import CellqueryError, generator
from cellquery.metrics.calibration import ReliabilityBin, calibration_error, reliability
from cellquery.metrics.scores import (
    average_classification_accuracy,
    confusion,
    mean_class_accuracy,
    recall,
)


@dataclass(frozen=True)
class SpecimenVote:
    """Specimens named by the mean probability of their cells.

    Attributes
    ----------
    n_specimens : int
        Groups of cells of one specimen and one true pattern.
    n_right : int
    accuracy : float
        0 to 1.
    mca : float
        0 to 1: over cells, when each cell is given the pattern of its specimen.
    """

    n_specimens: int
    n_right: int
    accuracy: float
    mca: float


@dataclass(frozen=True)
class Evaluation:
    """How good predictions are on one set of cells.

    Attributes
    ----------
    n_cells, n_specimens : int
        ``n_specimens`` is 0 where specimens are not known.
    patterns : tuple of str
    aca, mca, ece : float
        0 to 1.
    recall : dict of str to float or None
        None for a pattern without cells.
    confusion : list of list of int
        Rows are true patterns.
    intervals : dict of str to (low, high)
        95 % percentile bootstrap intervals of ``aca``, ``mca``, ``ece`` and ``recall:<pattern>``;
        that of ``ece`` without the bias of resampling. Where specimens are resampled, a pattern
        of a single specimen has none, and ``mca`` none beside it.
    interval_unit : {"specimen", "cell"}
        What was resampled: specimens where all are known, since cells of one serum are not
        independent.
    reliability : list of ReliabilityBin
    specimen_vote : SpecimenVote or None
    """

    n_cells: int
    n_specimens: int
    patterns: tuple[str, ...]
    aca: float
    mca: float
    ece: float
    recall: dict[str, float | None]
    confusion: list[list[int]]
    intervals: dict[str, tuple[float, float]]
    interval_unit: str
    reliability: list[ReliabilityBin]
    specimen_vote: SpecimenVote | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def evaluate(
    true: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    patterns: Sequence[str],
    *,
    specimens: Sequence[str | None] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Return every figure of merit of predictions on labelled cells.

    Parameters
    ----------
    true : ndarray of int, shape (cells,)
        Index of each cell's true pattern.
    probabilities : ndarray of float, shape (cells, patterns)
    patterns : sequence of str
    specimens : sequence of str or None, shape (cells,), optional
        Where any is None, cells are resampled instead of specimens.
    n_resamples : int
        Bootstrap resamples (Efron & Tibshirani 1993, chapter 13).
    seed : int

    Raises
    ------
    CellqueryError
        When there are no cells.
    """
    if not len(true):
        raise CellqueryError("evaluation", "no labelled cells", "choose a part that has labels")
    predicted = probabilities.argmax(axis=1)
    confidence, right = probabilities.max(axis=1).astype(float), predicted == true
    matrix = confusion(true, predicted, len(patterns))
    groups = _groups(specimens)
    vote = None
    if groups is not None and specimens is not None:
        vote = _vote(true, probabilities, groups)
    recalls = recall(matrix)
    known = np.isfinite(recalls)
    ece = calibration_error(confidence, right)

    def figures(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        part = confusion(true[rows], predicted[rows], len(patterns))
        shares = recall(part)
        return np.array(
            [
                average_classification_accuracy(part),
                # NaN without a pattern that the cells have: a mean of the others is another figure.
                shares[known].mean(),
                calibration_error(confidence[rows], right[rows]),
                *shares,
            ]
        )

    names = ["aca", "mca", "ece", *(f"recall:{pattern}" for pattern in patterns)]
    draws = _bootstrap(figures, len(true), groups, n_resamples, seed)
    # Cells that are drawn twice agree with themselves: resamples look worse calibrated than all.
    draws[:, 2] = np.maximum(0.0, draws[:, 2] - draws[:, 2].mean() + ece)
    bounds = _percentiles(draws)
    # Resampling one specimen always gives that specimen: an interval of no width, and no truth.
    single = {
        f"recall:{pattern}"
        for index, pattern in enumerate(patterns)
        if groups is not None and len(np.unique(groups[true == index])) == 1
    }
    if single:
        single.add("mca")
    return Evaluation(
        n_cells=len(true),
        n_specimens=0 if groups is None else int(groups.max()) + 1,
        patterns=tuple(patterns),
        aca=average_classification_accuracy(matrix),
        mca=mean_class_accuracy(matrix),
        ece=ece,
        recall={
            pattern: None if np.isnan(share) else float(share)
            for pattern, share in zip(patterns, recalls, strict=True)
        },
        confusion=matrix.tolist(),
        intervals={
            name: (float(low), float(high))
            for name, (low, high) in zip(names, bounds, strict=True)
            if np.isfinite([low, high]).all() and name not in single
        },
        interval_unit="cell" if groups is None else "specimen",
        reliability=reliability(confidence, right),
        specimen_vote=vote,
    )


def _groups(specimens: Sequence[str | None] | None) -> NDArray[np.int64] | None:
    if specimens is None or any(specimen is None for specimen in specimens):
        return None
    groups: NDArray[np.int64] = np.unique(np.asarray(specimens, dtype=str), return_inverse=True)[1]
    return groups


def _vote(
    true: NDArray[np.int64], probabilities: NDArray[np.floating], groups: NDArray[np.int64]
) -> SpecimenVote:
    n_right, n_units = 0, 0
    voted = np.empty_like(true)
    for group in range(int(groups.max()) + 1):
        members = groups == group
        # A specimen whose cells carry two labels counts once for each.
        for pattern in np.unique(true[members]):
            chosen = members & (true == pattern)
            voted[chosen] = probabilities[chosen].mean(axis=0).argmax()
            n_right += int(voted[chosen][0] == pattern)
            n_units += 1
    matrix = confusion(true, voted, probabilities.shape[1])
    return SpecimenVote(n_units, n_right, n_right / n_units, mean_class_accuracy(matrix))


def _bootstrap(
    figures: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    n_cells: int,
    groups: NDArray[np.int64] | None,
    n_resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    random = generator(seed, "bootstrap")
    members = (
        None
        if groups is None
        else [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    )
    draws = []
    for _ in range(n_resamples):
        if members is None:
            rows = random.integers(n_cells, size=n_cells)
        else:
            chosen = random.integers(len(members), size=len(members))
            rows = np.concatenate([members[group] for group in chosen])
        draws.append(figures(rows))
    return np.array(draws)


def _percentiles(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2.5th and 97.5th percentile of each column; NaN where no resample had a value."""
    bounds = np.full((draws.shape[1], 2), np.nan)
    for column, values in enumerate(draws.T):
        known = values[np.isfinite(values)]
        if len(known):
            bounds[column] = np.percentile(known, [2.5, 97.5])
    return bounds
