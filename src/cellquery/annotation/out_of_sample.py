"""What networks said of cells that they had not learnt: the only honest witness of a label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.campaign.records import rounds_done


@dataclass(frozen=True)
class OutOfSample:
    """For each cell the newest network that had not learnt it.

    A network that has learnt a wrong label agrees with it. Whether a later one has learnt the
    cell with this label or another one makes no difference.

    Attributes
    ----------
    row : dict of str to int
        Where a cell stands; one that every network has learnt is not there.
    models : list of str
        Which network, such as ``initial network`` or ``round 3``, by row.
    probabilities : ndarray of float32, shape (cells, patterns)
    """

    row: dict[str, int]
    models: list[str]
    probabilities: NDArray[np.float32]


def out_of_sample(root: Path) -> OutOfSample:
    """Return what is kept in the folder of a campaign; nothing before its first network."""
    said = [("initial network", root / "initial.parquet")]
    said += [(f"round {i}", each.path / "pool.parquet") for i, each in enumerate(rounds_done(root))]
    ids: list[str] = []
    models: NDArray[Any] = np.empty(0, dtype=object)
    kept = np.empty((0, 0), dtype=np.float32)
    for name, path in said:
        if not path.exists():
            continue
        if "probabilities" not in pq.read_schema(path).names:
            continue  # A round of an earlier version, which did not keep them.
        table = pq.read_table(path, columns=["cell_id", "labelled", "probabilities"])
        flat = table["probabilities"].combine_chunks().flatten().to_numpy()
        probabilities = flat.reshape(len(table), -1)
        if not ids:
            # Every table holds the whole pool, in its order.
            ids = table["cell_id"].to_pylist()
            models, kept = np.full(len(ids), None, dtype=object), np.zeros_like(probabilities)
        new = ~table["labelled"].to_numpy()
        models[new], kept[new] = name, probabilities[new]
    judged = np.flatnonzero(models != np.array(None))
    row = {ids[place]: new for new, place in enumerate(judged.tolist())}
    return OutOfSample(row, models[judged].tolist(), kept[judged])
