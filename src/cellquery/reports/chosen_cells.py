"""Which cells of a set of predictions a report shows, and what it writes below them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import generator, title_of
from cellquery.reports.figures import SpecimenResult
from cellquery.reports.galleries import GalleryCell
from cellquery.reports.pictures import CellPictures
from cellquery.reports.runs import PredictedCells

MOST_OF_A_SPECIMEN = 3


def right_rows(cells: PredictedCells, per_pattern: int = 2, seed: int = 0) -> NDArray[np.int64]:
    """Return rows of rightly predicted cells, drawn at random within each pattern.

    Drawn, not the most certain ones, so that they are typical; the same every time.
    """
    chosen: list[int] = []
    for pattern in cells.patterns:
        rows = np.flatnonzero((cells.true == pattern) & (cells.predicted == pattern))
        random = generator(seed, "gallery", pattern)
        chosen += sorted(random.permutation(rows)[:per_pattern].tolist())
    return np.array(chosen, dtype=np.int64)


def wrong_rows(cells: PredictedCells, most: int = 18) -> NDArray[np.int64]:
    """Return rows of wrongly predicted cells, the most certain first, few of each specimen."""
    labelled = np.array([pattern is not None for pattern in cells.true], dtype=bool)
    wrong = np.flatnonzero(labelled & (cells.true != cells.predicted))
    ranked = wrong[np.argsort(-cells.probability[wrong], kind="stable")]
    return _varied(ranked, cells)[:most]


def least_certain_rows(cells: PredictedCells, most: int = 12) -> NDArray[np.int64]:
    """Return the rows of the lowest probability, the lowest first, few of each specimen."""
    return _varied(np.argsort(cells.probability, kind="stable"), cells)[:most]


def gallery_cells(
    cells: PredictedCells, rows: NDArray[np.int64], pictures: CellPictures
) -> list[GalleryCell]:
    """Return the cells at these rows whose pictures are known, ready to be shown."""
    shown = []
    for row in rows.tolist():
        if cells.ids[row] not in pictures:
            continue
        true, predicted = cells.true[row], cells.predicted[row]
        lines = [f"predicted {title_of(predicted)} {cells.probability[row]:.2f}"]
        if true not in (None, predicted):
            lines.insert(0, f"true {title_of(true)}")
        lines.append(f"cell {cells.ids[row]}")
        if cells.specimens[row] is not None:
            lines.append(f"specimen {cells.specimens[row]}")
        shown.append(
            GalleryCell(
                cells.ids[row],
                pictures.pixels(cells.ids[row]),
                tuple(lines),
                pattern=predicted if true is None else true,
                right=None if true is None else bool(true == predicted),
                synthetic=pictures.is_synthetic(cells.ids[row]),
            )
        )
    return shown


def specimen_results(cells: PredictedCells) -> list[SpecimenResult]:
    """Return what the cells of each specimen were taken for, in the order of the table.

    Cells of unknown specimen are left out. A specimen whose cells carry two labels gives one
    result for each, as `cellquery.metrics.evaluate` counts it.
    """
    rows_of: dict[tuple[Any, Any], list[int]] = {}
    for row, (specimen, true) in enumerate(zip(cells.specimens, cells.true, strict=True)):
        if specimen is not None:
            rows_of.setdefault((specimen, true), []).append(row)
    results = []
    for (specimen, true), rows in rows_of.items():
        counts: Mapping[str, int] = {
            pattern: int((cells.predicted[rows] == pattern).sum()) for pattern in cells.patterns
        }
        vote = cells.patterns[int(cells.probabilities[rows].mean(axis=0).argmax())]
        results.append(SpecimenResult(specimen, true, counts, vote))
    return results


def _varied(rows: NDArray[np.int64], cells: PredictedCells) -> NDArray[np.int64]:
    """Keep the first rows of each specimen: one odd serum would fill a gallery."""
    kept, seen = [], Counter[Any]()
    for row in rows.tolist():
        specimen = cells.specimens[row]
        seen[specimen] += 1
        if specimen is None or seen[specimen] <= MOST_OF_A_SPECIMEN:
            kept.append(row)
    return np.array(kept, dtype=np.int64)
