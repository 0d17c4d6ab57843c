"""Independent random generators, one for each (seed, purpose)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the generator of one purpose, independent of every other purpose's.

    Parameters
    ----------
    seed : int
        The run's seed, zero or more.
    *purpose : str or int
        What the numbers are for, such as ``("split",)`` or ``("round", 3, "selection")``.

    Examples
    --------
    >>> bool(generator(1, "a").random() == generator(1, "a").random())
    True
    >>> bool(generator(1, "a").random() == generator(1, "b").random())
    False
    """
    # NumPy takes a fifth of a second to import, and `cellquery --help` comes through this room.
    import numpy as np

    keys = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in purpose]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(keys)))


def integer_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed below 2**31 for libraries that take an integer instead of a generator."""
    return int(generator(seed, *purpose).integers(2**31))
