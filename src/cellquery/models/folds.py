"""Folds of the training cells, for what must be told from cells that were not learnt from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellquery.core import integer_seed

N_FOLDS = 3

_FEWEST_PER_FOLD = 4


def calibration_folds(
    labels: NDArray[np.int64], seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the rows to learn from and the rows left out, fold after fold.

    Parameters
    ----------
    labels : ndarray of int64, shape (cells,)
    seed : int

    Returns
    -------
    list of (ndarray, ndarray)
        Three folds, which hold equal shares of each pattern where it has cells enough; none where
        there are fewer than twelve cells.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if len(labels) < N_FOLDS * _FEWEST_PER_FOLD:
        return []
    counts = np.bincount(labels)
    kind = StratifiedKFold if counts[counts > 0].min() >= N_FOLDS else KFold
    folds = kind(N_FOLDS, shuffle=True, random_state=integer_seed(seed, "calibration"))
    return list(folds.split(labels[:, None], labels))
