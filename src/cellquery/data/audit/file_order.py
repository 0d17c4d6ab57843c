"""How strongly the order of the files suggests specimens.

Cells of one specimen are usually numbered one after the other, and look alike: as bright, as
large, as sharp. So where cells next to each other in the file list are more alike than cells drawn
at random from the same pattern, the list still holds the specimens, known or not, and a random
split puts cells of one specimen on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cellquery.core import generator
from cellquery.data.audit.measurements import Measurements

PERMUTATIONS = 499
_FEWEST_CELLS = 20
_DISTANCES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_APPEARANCE = ("brightness", "background", "area")
_MOST_LIKENESS = 1000.0


@dataclass(frozen=True)
class FileOrder:
    """How alike neighbours in the file list are.

    Attributes
    ----------
    likeness : float
        Mean squared difference in appearance of two random cells of a pattern, divided by that of
        two neighbours: 1 when the order says nothing, 3 when neighbours are three times as alike.
    p_value : float
        Share of random orders in which neighbours are as alike as they are.
    by_distance : dict of int to float
        The likeness of cells this many places apart.
    run_length : int or None
        An estimate of the cells that one specimen has in a row; None where order says nothing.
    n_cells : int
        Labelled cells compared.
    """

    likeness: float
    p_value: float
    by_distance: dict[int, float]
    run_length: int | None
    n_cells: int

    def to_json(self) -> dict[str, Any]:
        """Return the result as ``file_order`` of ``audit.json``."""
        return {
            "likeness": round(self.likeness, 4),
            "p_value": round(self.p_value, 5),
            "by_distance": {str(d): round(v, 4) for d, v in self.by_distance.items()},
            "run_length": self.run_length,
            "n_cells": self.n_cells,
        }


def file_order(cells: Measurements, permutations: int = PERMUTATIONS) -> FileOrder | None:
    """Return how strongly file order suggests specimens, or None with too few cells.

    Appearance is the rank within the pattern of mean brightness, background level, size, and
    contrast; cells without a pattern are compared among themselves.

    Parameters
    ----------
    cells : Measurements
        The cells.
    permutations : int
        Random orders for the p-value.
    """
    runs = _appearance_by_pattern(cells)
    if not runs:
        return None
    expected = _expected(runs, 1)
    observed = _difference(runs, 1)
    random = generator(0, "audit file order")
    as_alike = sum(
        _difference([run[random.permutation(len(run))] for run in runs], 1) <= observed
        for _ in range(permutations)
    )
    by_distance = {
        distance: _likeness(_expected(runs, distance), _difference(runs, distance))
        for distance in _DISTANCES
        if sum(max(0, len(run) - distance) for run in runs) >= _FEWEST_CELLS
    }
    return FileOrder(
        likeness=_likeness(expected, observed),
        p_value=(as_alike + 1) / (permutations + 1),
        by_distance=by_distance,
        run_length=_run_length(by_distance),
        n_cells=sum(len(run) for run in runs),
    )


def _appearance_by_pattern(cells: Measurements) -> list[NDArray[np.float32]]:
    """Return (cells, 4) ranks of appearance for each pattern, in file order."""
    contrast = cells.spread / (cells.properties["brightness"] + 1)
    appearance = np.stack([*(cells.properties[name] for name in _APPEARANCE), contrast], axis=1)
    runs = []
    ordered = cells.patterns[cells.file_order]
    for pattern in dict.fromkeys(ordered):
        rows = cells.file_order[[one == pattern for one in ordered]]
        if len(rows) >= _FEWEST_CELLS:
            ranks = rankdata(appearance[rows], axis=0) / len(rows)
            runs.append(ranks.astype(np.float32))
    return runs


def _difference(runs: list[NDArray[np.float32]], distance: int) -> float:
    """Return the sum of squared differences of cells this many places apart."""
    return float(sum(np.square(run[distance:] - run[:-distance]).sum() for run in runs))


def _expected(runs: list[NDArray[np.float32]], distance: int) -> float:
    """Return what that sum would be if the order said nothing."""
    # two independent draws differ by twice the variance, on the mean of their squares
    return float(
        sum(
            max(0, len(run) - distance) * 2 * run.var(axis=0, ddof=1, dtype=np.float64).sum()
            for run in runs
        )
    )


def _likeness(expected: float, observed: float) -> float:
    if expected == 0:
        return 1.0
    return min(expected / observed, _MOST_LIKENESS) if observed else _MOST_LIKENESS


def _run_length(by_distance: dict[int, float]) -> int | None:
    """Return twice the distance at which neighbours' nearness is half lost.

    In runs of L cells, d/L of the cells d places apart are of two specimens, so the difference
    grows in a straight line from that within a specimen to that of random cells, at d = L.
    """
    distances = list(by_distance)
    differences = [1 / value for value in by_distance.values()]
    if differences[0] >= 1:
        return None
    half = (1 + differences[0]) / 2
    for place in range(1, len(distances)):
        low, high = differences[place - 1], differences[place]
        if high >= half:
            before, after = distances[place - 1], distances[place]
            return round(2 * (before + (after - before) * (half - low) / (high - low)))
    return None
