"""What comes after a round's query: cells that may be answered while its network is trained."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.acquisition import Candidates, Query, QueryStrategy, joined
from cellquery.acquisition.clusters import clusters_of
from cellquery.acquisition.margin import Margin
from cellquery.campaign.records import round_folder
from cellquery.core import generator
from cellquery.core.durable import write_table

# More is seldom read while one network is trained, and some strategies take a minute a batch.
_BATCHES = 2
_GROUPS_PER_PATTERN = 2

ANNOTATOR = "annotator"


def before_a_network(ids: list[str], seed: int) -> Query:
    """Return the pool in the order in which it is answered while there is no network."""
    order = generator(seed, "standing").permutation(len(ids))
    rows = np.array(ids, dtype=object)[order]
    return Query(rows, np.zeros(len(rows))).named("random")


def further(
    strategy: QueryStrategy, candidates: Candidates, n: int, random: np.random.Generator
) -> Query:
    """Return all candidates: batches of n as the strategy would ask for them, the rest by margin.

    Batch by batch, so that what a strategy promises of a batch, such as a cap per specimen or a
    share drawn at random, holds of what is answered ahead too.
    """
    found, left = [], candidates
    for _ in range(_BATCHES):
        if len(left):
            found.append(strategy.query(left, n, random).named(strategy.name))
            left = left.rows(np.flatnonzero(~np.isin(left.ids, found[-1].ids)))
    found.append(Margin().query(left, len(left), random).named(Margin.name))
    return joined(found)


def alike(
    embeddings: NDArray[Any], n_patterns: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return a group for each cell, of cells that look alike; group 0 is the largest.

    Parameters
    ----------
    embeddings : ndarray, shape (cells, dims)
    n_patterns : int
        There are two groups for each, so that a pattern of two kinds need not share one.
    random : Generator
    """
    clusters = clusters_of(embeddings, _GROUPS_PER_PATTERN * n_patterns, random)
    counts = np.bincount(clusters)
    place = np.empty_like(counts)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    groups: NDArray[np.int64] = place[clusters]
    return groups


def keep_standing(path: Path, order: Query, ids: NDArray[Any], groups: NDArray[np.int64]) -> None:
    """Write the order in which cells may be answered ahead, and the group of every cell.

    Cells that are answered or asked for come last, chosen by nothing.
    """
    group = dict(zip(ids.tolist(), groups.tolist(), strict=True))
    ranked = order.ids.tolist()
    rest = list(group.keys() - set(ranked))
    chosen_by = [] if order.chosen_by is None else order.chosen_by.tolist()
    columns = {
        "cell_id": ranked + sorted(rest),
        "chosen_by": chosen_by + [None] * len(rest),
        "group": [group[each] for each in ranked + sorted(rest)],
    }
    write_table(path, columns)


def passed_over(
    path: Path, audit: Container[str], taken: Container[str], ahead: Mapping[str, bool]
) -> list[str]:
    """Return the audit cells that would have been handed out, had they not been answered before.

    The audit stays a random sample of the cells that nobody labelled only while the choice of
    cells does not know it. Cells are handed out in the standing order but for those that are
    answered: an audit cell is met where the others would have been, up to the last one that was
    handed out.

    Parameters
    ----------
    path : Path
        The order that the cells were handed out in.
    audit, taken : container of str
        The audit cells; those that rounds have labelled.
    ahead : mapping of str to bool
        As in `chosen_ahead`.
    """
    left = sum(ahead.values())
    if not left or not path.exists():
        return []
    met = []
    for cell_id in pq.read_table(path, columns=["cell_id"])["cell_id"].to_pylist():
        if cell_id in audit:
            if cell_id not in taken:
                met.append(cell_id)
        elif cell_id not in taken and ahead.get(cell_id, True):
            left -= 1
            if not left:
                break
    return met


def chosen_ahead(root: Path, number: int, ahead: Mapping[str, bool]) -> list[str]:
    """Return what chose the cells that were answered ahead of a round.

    Parameters
    ----------
    root : Path
        The campaign's folder.
    number : int
    ahead : mapping of str to bool
        Whether each was handed out; an annotator picked the others.
    """
    if not ahead:
        return []
    by: dict[str, str] = {}
    # An older ranking's cells may still have been on a screen.
    for earlier in range(number):
        path = round_folder(root, earlier).standing
        if path.exists():
            table = pq.read_table(path, columns=["cell_id", "chosen_by"])
            pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
            by.update({cell_id: name for cell_id, name in pairs if name is not None})
    return [
        by.get(cell_id, "random") if handed_out else ANNOTATOR
        for cell_id, handed_out in ahead.items()
    ]
