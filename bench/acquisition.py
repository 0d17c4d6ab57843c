"""How long each query strategy takes, and how much memory.

    python bench/acquisition.py [CANDIDATES] [N] [STRATEGY ...]

Chooses N (1,000) of CANDIDATES (63,000) cells with embeddings of 128 numbers, six patterns, a
committee of 10 and 5,000 labelled cells, each strategy in a process of its own, and prints seconds
and the highest resident memory, the arrays included.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time

import numpy as np

from cellquery.acquisition import STRATEGIES, Candidates, query_strategy

LABELLED = 5_000


def candidates(n_cells: int) -> Candidates:
    """Return cells of six overlapping patterns and 500 specimens."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(60, 128))
    vectors = centres[random.integers(60, size=n_cells + LABELLED)]
    vectors = np.abs(vectors + random.normal(size=vectors.shape)).astype(np.float32)
    committee = random.dirichlet(np.ones(6) / 3, size=(10, n_cells)).astype(np.float32)
    return Candidates(
        ids=np.array([f"cell-{i}" for i in range(n_cells)], dtype=object),
        probabilities=committee[0],
        embeddings=vectors[:n_cells],
        groups=np.array([f"S{i % 500}" for i in range(n_cells)], dtype=object),
        committee=committee,
        labelled_embeddings=vectors[n_cells:],
    )


def measure(name: str, n_cells: int, n: int) -> tuple[float, float]:
    """Return seconds and mebibytes of one query."""
    cells = candidates(n_cells)
    started = time.perf_counter()
    query = query_strategy(name).query(cells, n, np.random.default_rng(0))
    seconds = time.perf_counter() - started
    assert len(set(query.ids)) == n
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(n_cells: int = 63_000, n: int = 1_000, *names: str) -> None:
    """Print one line for each strategy."""
    print(f"{n} of {n_cells} candidates, {LABELLED} labelled")
    for name in names or STRATEGIES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, megabytes = pool.apply(measure, (name, n_cells, n))
        print(f"{name:18} {seconds:7.2f} s {megabytes:7.0f} MiB", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]), *sys.argv[3:])
