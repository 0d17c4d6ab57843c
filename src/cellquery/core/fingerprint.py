"""Fingerprints of what a training or a campaign is given: it goes on with nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fingerprint(words: Iterable[Any], arrays: Iterable[NDArray[Any]] = ()) -> str:
    """Return a digest of words, then of arrays, one after the other; large ones are not copied."""
    digest = hashlib.blake2b(digest_size=16)
    for word in words:
        digest.update(str(word).encode() + b"\0")
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
