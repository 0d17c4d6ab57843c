"""Squared distances between embeddings, in pieces that fit the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 32_000_000


def squared_norms(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared length of each row."""
    norms: NDArray[np.float32] = np.einsum("ij,ij->i", vectors, vectors)
    return norms


def squared_distances(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared distance of each row to each other row, shape (rows, others)."""
    squared = squared_norms(vectors)[:, None] + squared_norms(others) - 2 * vectors @ others.T
    distances: NDArray[np.float32] = np.maximum(squared, 0)
    return distances


def nearest_squared(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """Return each row's squared distance to the nearest of the others, infinite without any."""
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)
    if not len(others):
        return nearest
    step = max(1, _PIECE // len(others))
    for start in range(0, len(vectors), step):
        piece = slice(start, start + step)
        nearest[piece] = squared_distances(vectors[piece], others).min(axis=1)
    return nearest
