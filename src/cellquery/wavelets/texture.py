"""What an image looks like before any network has learnt: energies of its sub-bands."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellquery.wavelets.transform import dwt2

_LEVELS = 4
_AT_ONCE = 512
_LEAST = 1e-6


def texture(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return a signature of each image that needs no label and no network.

    The logarithm of the energy of the details, level by level of the Haar transform, of horizontal
    and vertical ones together, so that a quarter turn or a flip changes nothing; mean and spread
    of the approximation that is left. Each column has mean 0 and variance 1 over the images.

    Parameters
    ----------
    images : ndarray, shape (images, channels, height, width)
        Sides that can be halved at least once.

    Returns
    -------
    ndarray of float32, shape (images, channels x (2 x levels + 2))
        Up to four levels, as far as both sides are even.

    References
    ----------
    Laine & Fan 1993, doi:10.1109/34.244679.
    """
    parts = [
        _signature(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)
    ]
    values = np.concatenate(parts)
    spread = values.std(axis=0)
    signature: NDArray[np.float32] = (values - values.mean(axis=0)) / np.where(spread, spread, 1)
    return signature


def _signature(images: NDArray[Any]) -> NDArray[np.float32]:
    left = torch.from_numpy(np.asarray(images, dtype=np.float32))
    columns = []
    for _ in range(_LEVELS):
        if left.shape[-1] % 2 or left.shape[-2] % 2:
            break
        left, horizontal, vertical, diagonal = dwt2(left)
        edges = (horizontal.square() + vertical.square()).mean(dim=(-2, -1))
        columns += [edges, diagonal.square().mean(dim=(-2, -1))]
    columns = [(each + _LEAST).log() for each in columns]
    columns += [left.mean(dim=(-2, -1)), left.std(dim=(-2, -1), correction=0)]
    return torch.cat(columns, dim=1).numpy()
