"""Choose cells by one strategy of one library, in a process of its own, and say what it cost.

    python -m bench.peers.selection LIBRARY STRATEGY FOLDER N OUT

FOLDER holds the arrays of `bench.selection`. Every library is given the scores of a network, as its
users have them, through its public interface; imports and reading are not counted, memory is the
highest of the whole process. A choice of under a second is made five times and the median counts.
PLAIN are reference implementations, written as such strategies are
written down in their papers and in DISTIL: gradients built, distances to all chosen cells.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Choose = Callable[[], Any]
REPEATS, SHORT_S = 5, 1.0


class Cells:
    """The arrays of a size, mapped from disk until they are asked for in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mapped(self, name: str) -> Any:
        """Return an array as a view of its file."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def single(self, name: str) -> Any:
        """Return an array in memory, in single precision."""
        return np.array(self.mapped(name), dtype=np.float32)


def cellquery(strategy: str, cells: Cells, n: int, **options: Any) -> Choose:
    """Embeddings stay on disk, in half precision."""
    from cellquery.acquisition import Candidates, query_strategy

    query = query_strategy(strategy, **options)
    needed = {name: cells.mapped(name) for name in query.needs}
    n_cells = len(cells.mapped("probabilities"))
    ids = np.array([f"cell-{i}" for i in range(n_cells)], dtype=object)
    labelled = cells.single("labelled")

    def choose() -> list[int]:
        candidates = Candidates(ids, labelled_embeddings=labelled, **needed)
        chosen = query.query(candidates, n, np.random.default_rng(0)).ids
        return [int(each.removeprefix("cell-")) for each in chosen]

    return choose


def cellquery_exact(strategy: str, cells: Cells, n: int) -> Choose | None:
    """MaxHerding with coverage measured on every candidate, not on a sample of them."""
    if strategy != "max-herding":
        return None
    return cellquery(strategy, cells, n, n_reference=len(cells.mapped("probabilities")))


def scikit_activeml(strategy: str, cells: Cells, n: int) -> Choose | None:
    """scikit-activeml: its strategies on embeddings, its utilities and batches on scores."""
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.utils import MISSING_LABEL, simple_batch

    methods = {
        "entropy": "entropy",
        "least-confidence": "least_confident",
        "margin": "margin_sampling",
    }
    if strategy in methods:
        probabilities = cells.single("probabilities")
        return lambda: simple_batch(
            pool.uncertainty_scores(probabilities, method=methods[strategy]),
            batch_size=n,
            random_state=0,
        )
    if strategy == "committee":
        committee = cells.single("committee")
        return lambda: simple_batch(
            pool.average_kl_divergence(committee), batch_size=n, random_state=0
        )
    kinds = {
        "random": "RandomSampling",
        "core-set": "CoreSet",
        "badge": "Badge",
        "typiclust": "TypiClust",
        "max-herding": "MaxHerding",
    }
    if strategy not in kinds:
        return None
    labelled = cells.single("labelled")
    vectors = np.concatenate([labelled, cells.single("embeddings")])
    labels = np.full(len(vectors), MISSING_LABEL)
    labels[: len(labelled)] = np.arange(len(labelled)) % 6
    query = getattr(pool, kinds[strategy])(random_state=0)
    arguments: dict[str, Any] = {}
    if strategy == "badge":
        head = cells.single("head")

        class Head(SkactivemlClassifier):
            """The last layer of the network whose embeddings these are."""

            def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
                self._validate_data(X, y, sample_weight)
                return self

            def predict_proba(self, X: Any) -> Any:
                odds = np.exp(X @ head - (X @ head).max(axis=1, keepdims=True))
                return odds / odds.sum(axis=1, keepdims=True)

        classifier = Head(classes=list(range(6))).fit(vectors[:6], np.arange(6))
        arguments = {"clf": classifier, "fit_clf": False}

    def choose() -> Any:
        rows = query.query(vectors, labels, batch_size=n, **arguments)
        return np.asarray(rows) - len(labelled)

    return choose


def baal(strategy: str, cells: Cells, n: int) -> Choose | None:
    """Baal: ranks of all candidates by a heuristic on predictions."""
    from baal.active import heuristics

    kinds = {
        "random": "Random",
        "entropy": "Entropy",
        "least-confidence": "Certainty",
        "margin": "Margin",
        "bald": "BALD",
    }
    if strategy not in kinds:
        return None
    if strategy == "bald":
        scores = np.ascontiguousarray(cells.single("committee").transpose(1, 2, 0))
    else:
        scores = cells.single("probabilities")
    heuristic = getattr(heuristics, kinds[strategy])()
    return lambda: heuristic(scores)[:n]


def plain(strategy: str, cells: Cells, n: int) -> Choose | None:
    """Core-set and BADGE as written down."""
    if strategy == "core-set":
        vectors, labelled = cells.single("embeddings"), cells.single("labelled")

        def core_set() -> list[int]:
            nearest = np.full(len(vectors), np.inf, dtype=np.float32)
            for each in labelled:
                nearest = np.minimum(nearest, np.linalg.norm(vectors - each, axis=1))
            chosen: list[int] = []
            for _ in range(n):
                chosen.append(int(nearest.argmax()))
                distance = np.linalg.norm(vectors - vectors[chosen[-1]], axis=1)
                nearest = np.minimum(nearest, distance)
            return chosen

        return core_set
    if strategy == "badge":
        probabilities, vectors = cells.single("probabilities"), cells.single("embeddings")

        def badge() -> list[int]:
            random = np.random.default_rng(0)
            errors = probabilities - np.eye(6, dtype=np.float32)[probabilities.argmax(axis=1)]
            gradients = (errors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), -1)
            chosen = [int(np.linalg.norm(gradients, axis=1).argmax())]
            nearest = np.full(len(gradients), np.inf)
            while len(chosen) < n:
                distance = ((gradients - gradients[chosen[-1]]) ** 2).sum(axis=1)
                nearest = np.minimum(nearest, distance)
                nearest[chosen] = 0
                chosen.append(int(random.choice(len(nearest), p=nearest / nearest.sum())))
            return chosen

        return badge
    return None


LIBRARIES = {
    "cellquery": cellquery,
    "cellquery-exact": cellquery_exact,
    "scikit-activeml": scikit_activeml,
    "baal": baal,
    "plain": plain,
}


def _peak_mib() -> float:
    """Return the highest resident memory, of this program and not of the one that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def timed(choose: Choose) -> tuple[list[int], tuple[float, float]]:
    """Return the rows chosen, and seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    chosen = [int(row) for row in choose()]
    return chosen, (time.perf_counter() - clock, time.process_time() - processor)


def main(library: str, strategy: str, folder: str, n: str, out: str) -> None:
    """Choose once and write."""
    choose = LIBRARIES[library](strategy, Cells(Path(folder)), int(n))
    facts: dict[str, Any] = {"has": choose is not None}
    if choose is not None:
        chosen, cost = timed(choose)
        costs = [cost]
        while cost[0] < SHORT_S and len(costs) < REPEATS:
            costs.append(timed(choose)[1])
        seconds, cpu_seconds = map(statistics.median, zip(*costs, strict=True))
        facts.update(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            runs=len(costs),
            peak_mib=_peak_mib(),
            chosen=chosen,
        )
    Path(out).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
