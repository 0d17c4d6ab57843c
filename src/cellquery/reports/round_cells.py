"""The most and the least certain cells of each round of a campaign (Figure 7 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.campaign.records import rounds_done
from cellquery.data import Project
from cellquery.reports.chosen_cells import gallery_cells
from cellquery.reports.galleries import GalleryCell
from cellquery.reports.pictures import CellPictures
from cellquery.reports.runs import PredictedCells, read_predictions

EACH = 6


@dataclass(frozen=True)
class RoundCells:
    """The ends of one round's ranking of the cells that had no label.

    Attributes
    ----------
    number : int
    n_labels : int
        Labels of which the round's network has learnt.
    cells : PredictedCells
        What the network says of the pool; patterns and specimens are not known to a campaign.
    margin : ndarray of float, shape (cells,)
        Of the probabilities of the two most probable patterns, 0 to 1.
    least, most : ndarray of int
        Rows of the least certain cells, the least certain first, and of the most certain ones.
    """

    number: int
    n_labels: int
    cells: PredictedCells
    margin: NDArray[np.float64]
    least: NDArray[np.int64]
    most: NDArray[np.int64]


def cells_by_round(campaign: Path) -> list[RoundCells]:
    """Return the most and the least certain cells of each round, by margin.

    Rounds without ``pool.parquet``, as in results that were published without it, are left out.

    Raises
    ------
    InputError
        When a file is damaged.
    """
    found = []
    for number, folder in enumerate(rounds_done(campaign)):
        path = folder.path / "pool.parquet"
        if not path.exists():
            continue
        cells = read_predictions(path, path.stem)
        table = pq.read_table(path, columns=["labelled", "margin"])
        margin = table["margin"].to_numpy().astype(float)
        free = np.flatnonzero(~table["labelled"].to_numpy())
        order = free[np.argsort(margin[free], kind="stable")]
        most = order[max(EACH, len(order) - EACH) :][::-1]
        n_labels = folder.facts()["n_labels"]
        found.append(RoundCells(number, n_labels, cells, margin, order[:EACH], most))
    return found


def known_cells(rounds: Sequence[RoundCells], project: Project) -> list[RoundCells]:
    """Return the rounds with the true patterns and the specimens that a project knows."""
    manifest = project.manifest()
    columns: list[list[Any]] = [
        manifest[name].to_pylist() for name in ("cell_id", "pattern", "specimen")
    ]
    known = {cell_id: facts for cell_id, *facts in zip(*columns, strict=True)}

    def told(cells: PredictedCells) -> PredictedCells:
        facts = [known.get(cell_id, (None, None)) for cell_id in cells.ids]
        true, specimens = (np.array(column, dtype=object) for column in zip(*facts, strict=True))
        return replace(cells, true=true, specimens=specimens)

    return [replace(one, cells=told(one.cells)) for one in rounds]


def pictured(
    one: RoundCells, pictures: CellPictures
) -> tuple[list[GalleryCell], list[GalleryCell]]:
    """Return the least and the most certain cells of a round, ready to be shown."""
    least, most = (gallery_cells(one.cells, rows, pictures) for rows in (one.least, one.most))
    return least, most


def as_rows(rounds: Sequence[RoundCells]) -> list[list[Any]]:
    """Return a head and a row for each cell, for a CSV."""
    rows: list[list[Any]] = [
        ["round", "labels", "which", "cell_id", "predicted", "probability", "margin"]
    ]
    for one in rounds:
        for which, chosen in (("least certain", one.least), ("most certain", one.most)):
            for row in chosen.tolist():
                cells = one.cells
                facts = [cells.ids[row], cells.predicted[row], f"{cells.probability[row]:.4f}"]
                rows.append([one.number, one.n_labels, which, *facts, f"{one.margin[row]:.4f}"])
    return rows
