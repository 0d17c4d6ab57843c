"""How far readers, or two rounds' predictions, agree beyond chance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 1000


def cohen_kappa(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return Cohen's kappa of two readings of the same cells, 1.0 when all agree.

    Cohen 1960, doi:10.1177/001316446002000104.

    Parameters
    ----------
    first, second : ndarray of str or int, shape (cells,)

    Examples
    --------
    >>> round(cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])), 3)
    0.5
    """
    if np.array_equal(first, second):
        return 1.0
    from sklearn.metrics import cohen_kappa_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(first, second))


def cohen_kappa_interval(
    table: NDArray[np.int64], random: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of Cohen's kappa over resampled cells.

    Cells that two readers name alike are one like the other: a resample is a draw of how many there
    are of each kind, which takes no time however many cells there are.

    Parameters
    ----------
    table : ndarray of int, shape (patterns, patterns)
        How many cells were given each pair of patterns by the first reader (rows) and the second.
    random : numpy.random.Generator
    """
    n = table.sum()
    drawn = random.multinomial(n, table.ravel() / n, size=N_DRAWS).reshape(-1, *table.shape)
    observed = np.trace(drawn, axis1=1, axis2=2) / n
    by_chance = (drawn.sum(axis=1) * drawn.sum(axis=2)).sum(axis=1) / n**2
    alike = observed == 1
    return _interval(
        np.where(alike, 1.0, (observed - by_chance) / np.where(alike, 1.0, 1 - by_chance))
    )


def fleiss_kappa(counts: NDArray[np.int64]) -> float:
    """Return Fleiss' kappa of any readers, as many for each cell; 1.0 when all agree.

    Fleiss 1971, doi:10.1037/h0031619.

    Parameters
    ----------
    counts : ndarray of int, shape (cells, patterns)
        How many readers gave each pattern; every row has the same sum, of at least 2.

    Raises
    ------
    ValueError
        When rows differ in their sum, or it is below 2.

    Examples
    --------
    >>> fleiss_kappa(np.array([[2, 0], [0, 2], [1, 1], [1, 1]]))
    0.0
    """
    n_readers = counts.sum(axis=1)
    if not len(counts) or (n_readers != n_readers[0]).any() or n_readers[0] < 2:
        raise ValueError("each cell needs the same number of readers, two or more")
    n = n_readers[0]
    observed = ((counts**2).sum(axis=1) - n).mean() / (n * (n - 1))
    by_chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return 1.0 if observed == 1 else float((observed - by_chance) / (1 - by_chance))


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], n_cells: int, random: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a statistic of resampled cells.

    Parameters
    ----------
    statistic : callable
        Given the rows of a resample, returns a number.
    n_cells : int
    random : numpy.random.Generator
    """
    return _interval([statistic(random.integers(n_cells, size=n_cells)) for _ in range(N_DRAWS)])


def _interval(draws: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
