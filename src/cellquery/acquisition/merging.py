"""A pool in parts: each part's best are enough to choose the pool's best, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.acquisition.candidates import Candidates
from cellquery.acquisition.contract import ByUtility, QueryStrategy


def by_utility(strategy: QueryStrategy) -> ByUtility | None:
    """Return the strategy within any options, or None where it compares candidates."""
    within: Any = strategy
    while hasattr(within, "inner"):
        within = within.inner
    return within if isinstance(within, ByUtility) else None


def shortlist(strategy: QueryStrategy, part: Candidates, n: int) -> Candidates:
    """Return what of a part of the pool may be among n cells that a strategy by utility chooses.

    Parameters
    ----------
    strategy : QueryStrategy
        One that `by_utility` knows.
    part : Candidates
        With what the strategy needs.
    n : int
        Cells to be chosen from the whole pool.

    Returns
    -------
    Candidates
        Their ids, groups and utilities alone.
    """
    within = by_utility(strategy)
    assert within is not None
    said = Candidates(part.ids, groups=part.groups, utilities=within.utilities(part))
    return shortened(strategy, said, n)


def shortened(strategy: QueryStrategy, said: Candidates, n: int) -> Candidates:
    """Return what may be among n chosen cells, of a shortlist or of several merged ones."""
    contenders: Candidates = strategy.contenders(said, n)  # type: ignore[attr-defined]
    return contenders


def merged(parts: Sequence[Candidates], labelled_groups: NDArray[Any] | None = None) -> Candidates:
    """Return shortlists as one, for the strategy's `query`, which chooses as from the whole pool.

    Examples
    --------
    >>> from cellquery.acquisition.margin import Margin
    >>> ids = np.array(["a", "b", "c"], dtype=object)
    >>> pool = Candidates(ids, np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]))
    >>> parts = [pool.rows(np.array([0, 1])), pool.rows(np.array([2]))]
    >>> lists = merged([shortlist(Margin(), part, 2) for part in parts])
    >>> Margin().query(lists, 2, np.random.default_rng(0)).ids.tolist()
    ['b', 'c']
    """
    groups = None
    if all(part.groups is not None for part in parts):
        groups = np.concatenate([part.groups for part in parts])
    return Candidates(
        np.concatenate([part.ids for part in parts]),
        groups=groups,
        labelled_groups=labelled_groups,
        utilities=np.concatenate([part.utilities for part in parts]),
    )
