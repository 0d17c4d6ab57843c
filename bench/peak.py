"""What the processor can do at most: multiply-adds a second in a matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

SIDE = 1024


def peak_gflops(seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the highest GFLOP/s of a product of single precision, of torch or of NumPy.

    They bring libraries of their own, and which of them is faster depends on the processor. A
    multiply-add counts as two. More than this can be had where a convolution needs fewer
    multiplications than its definition (Winograd), and in lower precision. The clock is that of
    the rate it stands beside.
    """
    a = torch.rand(SIDE, SIDE)
    b = a.numpy()
    best = 0.0
    for product in (lambda: torch.mm(a, a), lambda: np.matmul(b, b)):
        product()
        started, n = clock(), 0
        while clock() - started < seconds:
            product()
            n += 1
        best = max(best, n * 2 * SIDE**3 / (clock() - started) / 1e9)
    return best
