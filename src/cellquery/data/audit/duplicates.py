"""Cells that are in a project twice: identical, or the same cell pictured again.

Near duplicates are found by correlating small fingerprints in all eight orientations (quarter
turns, mirrored or not). Two nuclei of one pattern look alike at low resolution, and the outline of
a round cell in the middle of its crop is the same in all of them, so a fingerprint is made of what
tells cells apart: the fine detail of a 24 x 24 thumbnail, evened out in local contrast, without
its part that is symmetric under the eight orientations.

The threshold was chosen on 8,424 real cells (I3A), some of which were photographed twice in
overlapping fields. Such pairs stand upright, while chance resemblance takes any of the eight
orientations: all 145 pairs above 0.72 are upright and of one specimen, of those between 0.60 and
0.66 it is one in five. In trials at equal precision, fingerprints that kept their symmetric part
found about 30 % fewer pairs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from cellquery.core import Progress, silent
from cellquery.data.audit.findings import SHOWN_CELLS
from cellquery.data.audit.measurements import Measurements

NEAR_DUPLICATE = 0.72
"""Correlation of fingerprints from which two cells count as the same cell pictured twice."""

_BLOCK = 2048
_DETAIL_PX = (0.5, 1.2)
_EVENED_PX = 1.5
_FLOOR = 0.02


@dataclass(frozen=True)
class DuplicateGroup:
    """Cells that are the same.

    Attributes
    ----------
    kind : {"exact", "near"}
        Pixel-identical, or alike beyond chance.
    cells : tuple of str
        Their ids, in import order.
    patterns, specimens : tuple of str
        The different patterns and specimens they carry, in order of appearance; unknown ones are
        left out.
    similarity : float
        The lowest, over its cells, of a cell's correlation with the most similar other one: 1 for
        exact duplicates.
    """

    kind: Literal["exact", "near"]
    cells: tuple[str, ...]
    patterns: tuple[str, ...]
    specimens: tuple[str, ...]
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """Return the group as an entry of ``audit.json``."""
        return {
            "kind": self.kind,
            "n_cells": len(self.cells),
            "cells": list(self.cells[:SHOWN_CELLS]),
            "patterns": list(self.patterns),
            "specimens": list(self.specimens[:SHOWN_CELLS]),
            "similarity": round(self.similarity, 4),
        }


def exact_duplicates(cells: Measurements) -> list[DuplicateGroup]:
    """Return groups of pixel-identical images, whether or not their files are identical too."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, content in enumerate(cells.contents):
        members[content].append(row)
    return [_group("exact", rows, cells, 1.0) for rows in members.values() if len(rows) > 1]


def near_duplicates(
    cells: Measurements, threshold: float = NEAR_DUPLICATE, progress: Progress = silent
) -> list[DuplicateGroup]:
    """Return groups of cells that are one cell, also when turned, mirrored or changed in contrast.

    Every pair is compared, in blocks: the time grows with the square of the number of cells, the
    memory does not. Pixel-identical images are compared once.

    Parameters
    ----------
    cells : Measurements
        The cells.
    threshold : float
        Correlation of fingerprints, 0 to 1.
    progress : Progress
        Told of the blocks done.
    """
    _, rows = np.unique(cells.contents.astype(str), return_index=True)
    rows = np.sort(rows)
    roots, similarity = _linked(fingerprints(cells.thumbnails[rows]), threshold, progress)
    members: dict[int, list[int]] = defaultdict(list)
    for place in np.flatnonzero(similarity > 0):
        members[int(roots[place])].append(int(place))
    return [
        _group("near", rows[places].tolist(), cells, float(similarity[places].min()))
        for places in members.values()
    ]


def fingerprints(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors, (cells, side, side), whose dot product tells how alike two cells are."""
    prints = np.empty_like(thumbnails)
    for start in range(0, len(thumbnails), _BLOCK):
        block = thumbnails[start : start + _BLOCK]
        fine, coarse = (ndimage.gaussian_filter(block, (0, px, px)) for px in _DETAIL_PX)
        detail = fine - coarse
        power = detail * detail
        local = ndimage.gaussian_filter(power, (0, _EVENED_PX, _EVENED_PX))
        floor = _FLOOR * power.mean(axis=(1, 2), keepdims=True)
        even = detail / np.sqrt(local + floor + 1e-12)
        own = even - sum(turned(even, number) for number in range(8)) / 8
        length = np.sqrt((own * own).sum(axis=(1, 2), keepdims=True))
        # what is symmetric throughout leaves rounding errors, and those would match each other
        prints[start : start + _BLOCK] = np.where(length > 1e-2, own / (length + 1e-12), 0)
    return prints


def turned(images: NDArray[Any], number: int) -> NDArray[Any]:
    """Return square images in one of eight orientations: quarter turns, from 4 on mirrored."""
    quarter = np.rot90(images, number % 4, axes=(-2, -1))
    return quarter[..., ::-1] if number >= 4 else quarter


def best_of_eight(here: NDArray[Any], there: NDArray[Any]) -> NDArray[Any]:
    """Return the correlation of every fingerprint with every other in its best orientation.

    An image is the sum of four, even or odd under each of the two mirrorings, so a mirroring only
    changes signs and one quadrant says it all; the other four orientations exchange rows and
    columns. That takes a quarter of the products of turning one side eight times.

    Parameters
    ----------
    here, there : ndarray of float32, shapes (m, side, side) and (n, side, side)
        Fingerprints, with an even number of pixels a side.

    Returns
    -------
    ndarray of float32, shape (m, n)
    """
    left, right = _by_parity(here), _by_parity(there)
    upright = _best_mirroring(left, right)
    even, odd_across, odd_down, odd = (np.swapaxes(part, 1, 2) for part in right)
    # what was odd across is odd down once rows and columns are exchanged
    return np.maximum(upright, _best_mirroring(left, (even, odd_down, odd_across, odd)))


def _by_parity(prints: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return a quadrant, doubled, of each part: even, odd across, odd down, odd in both."""
    half = prints.shape[1] // 2
    rows, below = prints[:, :half], prints[:, : half - 1 : -1]
    quadrants = [side[..., :half] for side in (rows, below)]
    mirrored = [side[..., : half - 1 : -1] for side in (rows, below)]
    sums = [quadrant + mirror for quadrant, mirror in zip(quadrants, mirrored, strict=True)]
    gaps = [quadrant - mirror for quadrant, mirror in zip(quadrants, mirrored, strict=True)]
    parts = (sums[0] + sums[1], gaps[0] + gaps[1], sums[0] - sums[1], gaps[0] - gaps[1])
    return tuple(part / 2 for part in parts)


def _best_mirroring(left: Sequence[NDArray[Any]], right: Sequence[NDArray[Any]]) -> NDArray[Any]:
    even, across, down, odd = (
        a.reshape(len(a), -1) @ b.reshape(len(b), -1).T for a, b in zip(left, right, strict=True)
    )
    return np.maximum(even + odd + np.abs(across + down), even - odd + np.abs(across - down))


def _linked(
    prints: NDArray[np.float32], threshold: float, progress: Progress
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the group of each cell, and its highest similarity where above the threshold."""
    n_cells = len(prints)
    roots = np.arange(n_cells, dtype=np.int32)
    similarity = np.zeros(n_cells, dtype=np.float32)
    starts = range(0, n_cells, _BLOCK)
    n_blocks, done = len(starts) * (len(starts) + 1) // 2, 0
    for start in starts:
        for other in range(start, n_cells, _BLOCK):
            alike = best_of_eight(prints[start : start + _BLOCK], prints[other : other + _BLOCK])
            if start == other:
                np.fill_diagonal(alike, 0)
            left, right = np.nonzero(alike >= threshold)
            if left.size:
                values = alike[left, right]
                left, right = left + start, right + other
                np.maximum.at(similarity, left, values)
                np.maximum.at(similarity, right, values)
                roots = _joined(roots, left, right)
            done += 1
            progress("comparing cells", done, n_blocks)
    return roots, similarity


def _joined(
    roots: NDArray[np.int32], left: NDArray[np.intp], right: NDArray[np.intp]
) -> NDArray[np.int32]:
    """Return the groups after joining pairs: only the groups are kept, never the pairs."""
    n_cells = len(roots)
    rows = np.concatenate([np.arange(n_cells), left])
    columns = np.concatenate([roots, right])
    graph = sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), (n_cells, n_cells))
    labels = connected_components(graph, directed=False)[1]
    _, first = np.unique(labels, return_index=True)
    return first[labels].astype(np.int32)


def _group(
    kind: Literal["exact", "near"], rows: Sequence[int], cells: Measurements, similarity: float
) -> DuplicateGroup:
    def different(values: NDArray[np.object_]) -> tuple[str, ...]:
        return tuple(Counter(v for v in values[list(rows)] if v is not None))

    return DuplicateGroup(
        kind,
        tuple(cells.ids[list(rows)]),
        different(cells.patterns),
        different(cells.specimens),
        min(similarity, 1.0),
    )
