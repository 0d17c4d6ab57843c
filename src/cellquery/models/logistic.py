"""Logistic regression on embeddings, as the weights of a linear layer."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from cellquery.models.folds import calibration_folds

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Values of c that are tried: the inverse of the penalty on weights of standardised embeddings."""

ABSENT = -10.0
"""The logit of a pattern without cells. Those of the others sum to 0, so one of them is above it
by ten or more: the pattern has a probability of less than 0.01 %."""


def learn_logistic(
    embeddings: NDArray[np.floating],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    *,
    n_patterns: int,
    c: float | None,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (patterns, features) and bias (patterns,) of a multinomial regression.

    Parameters
    ----------
    embeddings : ndarray, shape (cells, features)
    labels : ndarray of int64, shape (cells,)
    weights : ndarray, shape (cells,)
        How much each cell counts.
    n_patterns : int
    c : float or None
        None takes the one of `STRENGTHS` under which cells left out in turn are the most likely.
    seed : int
        Decides the folds of that.
    """
    mean, spread = embeddings.mean(axis=0), np.maximum(embeddings.std(axis=0), 1e-6)
    vectors = ((embeddings - mean) / spread).astype(np.float64)
    if c is None:
        c = _strength(vectors, labels, weights, n_patterns, seed)
    found, bias = _regression(vectors, labels, weights, n_patterns, c)
    # On embeddings as they come: the standardisation goes into the weights.
    found = found / spread
    return found, bias - found @ mean


def _strength(
    vectors: NDArray[np.float64],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    n_patterns: int,
    seed: int,
) -> float:
    folds = calibration_folds(labels, seed)
    if not folds:
        return 1.0
    surprise = []
    for c in STRENGTHS:
        total = 0.0
        for rows, left_out in folds:
            found, bias = _regression(vectors[rows], labels[rows], weights[rows], n_patterns, c)
            chances = log_softmax(vectors[left_out] @ found.T + bias, axis=1)
            total -= float(weights[left_out] @ chances[np.arange(len(left_out)), labels[left_out]])
        surprise.append(total)
    return STRENGTHS[int(np.argmin(surprise))]


def _regression(
    vectors: NDArray[np.float64],
    labels: NDArray[np.int64],
    weights: NDArray[np.floating],
    n_patterns: int,
    c: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    found, bias = np.zeros((n_patterns, vectors.shape[1])), np.full(n_patterns, ABSENT)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 0.0
        return found, bias
    model = LogisticRegression(C=c, max_iter=1000)
    with warnings.catch_warnings():
        # The loss is flat where it stops: nothing a prediction would show.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, labels, sample_weight=weights)
    if len(present) == 2:  # scikit-learn keeps the difference of the two alone
        half, shift = model.coef_[0] / 2, model.intercept_[0] / 2
        found[present], bias[present] = np.stack([-half, half]), [-shift, shift]
    else:
        found[present], bias[present] = model.coef_, model.intercept_
    return found, bias
