"""Squared distances between embeddings, in pieces that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 8_000_000


def pieces(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of the rows of a matrix, each of about 32 MB in single precision."""
    step = max(1, _PIECE // max(1, n_columns))
    return (slice(start, start + step) for start in range(0, n_rows, step))


def squared_norms(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared length of each row."""
    norms: NDArray[np.float32] = np.einsum("ij,ij->i", vectors, vectors)
    return norms


def squared_distances(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """Return the squared distance of each row to each other row, shape (rows, others)."""
    products = vectors @ others.T
    products *= 2
    distances: NDArray[np.float32] = squared_norms(vectors)[:, None] + squared_norms(others)
    distances -= products
    np.maximum(distances, 0, out=distances)
    return distances


def nearest_squared(vectors: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float32]:
    """Return each row's squared distance to the nearest of the others, infinite without any."""
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)
    if not len(others):
        return nearest
    for piece in pieces(len(vectors), len(others)):
        nearest[piece] = squared_distances(vectors[piece], others).min(axis=1)
    return nearest
