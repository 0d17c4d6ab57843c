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


def nearest_squared(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """Return each row's squared distance to the nearest of the others, infinite without any."""
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)
    if not len(others):
        return nearest
    lengths, other_lengths = squared_norms(vectors), squared_norms(others)
    step = max(1, _PIECE // len(others))
    for start in range(0, len(vectors), step):
        piece = slice(start, start + step)
        squared = lengths[piece, None] + other_lengths - 2 * vectors[piece] @ others.T
        nearest[piece] = squared.min(axis=1)
    return np.maximum(nearest, 0)
