"""Ways to divide cells into parts: at random per pattern, by specimen, in folds of either.

All of them sort the cells by id before they draw, so the order in which cells are given changes
nothing, and each pattern draws from a generator of its own, so a pattern more or less leaves the
others' cells where they were. Cells without a pattern go to the part "unlabelled".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from cellquery.core import SettingsError, generator
from cellquery.data.project import Parts

TRAIN, TEST = "train", "test"
UNLABELLED = "unlabelled"
UNKNOWN_SPECIMEN = "specimen-unknown"
UNNAMED = "not-in-table"
"""The part of cells that a table of parts does not name."""
LEFT_OVER = (UNLABELLED, UNKNOWN_SPECIMEN, UNNAMED)
"""Parts of the cells that a split could not place: nobody trains or tests on them unasked."""

_DEALS = 16


def random_split(
    ids: Sequence[str],
    patterns: Sequence[str | None],
    *,
    fraction: float = 0.2,
    seed: int,
) -> Parts:
    """Return parts "train" and "test" drawn at random within each pattern.

    The share of each pattern is rounded down, as in the paper: 20 % of the 63,445 cells of
    LSHEp-2 are 12,687, not 12,689.

    Parameters
    ----------
    ids : sequence of str
        Cell ids, each once.
    patterns : sequence of str or None
        Their patterns; None where not known.
    fraction : float
        Share of each pattern that goes to "test", above 0 and below 1.
    seed : int
        Zero or more.

    Returns
    -------
    dict of str to ndarray of str
        Cell ids in the order given.

    Raises
    ------
    SettingsError
        When `fraction` is out of range.

    Examples
    --------
    >>> parts = random_split(["a", "b", "c"], ["golgi"] * 3, fraction=0.5, seed=0)
    >>> len(parts["train"]), len(parts["test"])
    (2, 1)
    """
    _check_fraction(fraction)
    part_of: dict[str, str] = {}
    for pattern, members in _by_pattern(ids, patterns).items():
        drawn = generator(seed, "split", pattern).permutation(np.array(members, dtype=object))
        n_test = _share(fraction, len(members))
        part_of.update(dict.fromkeys(drawn[:n_test], TEST))
        part_of.update(dict.fromkeys(drawn[n_test:], TRAIN))
    return _parts(ids, part_of, (TRAIN, TEST))


def specimen_split(
    ids: Sequence[str],
    patterns: Sequence[str | None],
    specimens: Sequence[str | None],
    *,
    fraction: float = 0.2,
    seed: int,
) -> Parts:
    """Return parts "train" and "test" that share no specimen.

    Whole specimens are drawn at random until the test part of each pattern is as near to its
    share as their sizes allow; a pattern with two specimens or more has at least one on each
    side. A specimen counts under its most frequent pattern.

    Labelled cells of unknown specimen could belong to any: they are in neither part but in
    "specimen-unknown".

    Parameters
    ----------
    ids, patterns, fraction, seed
        As in :func:`random_split`.
    specimens : sequence of str or None
        The specimen of each cell; None where not known.

    Returns
    -------
    dict of str to ndarray of str
        Cell ids in the order given.

    Raises
    ------
    SettingsError
        When `fraction` is out of range or no labelled cell has a specimen.
    """
    _check_fraction(fraction)
    cells_of = _by_specimen(ids, patterns, specimens)
    test: set[str] = set()
    for pattern, members in _by_main_pattern(cells_of).items():
        drawn = generator(seed, "specimen split", pattern).permutation(len(members))
        order = [members[i] for i in drawn]
        test |= _nearest_share(order, {s: len(cells_of[s]) for s in order}, fraction)
    part_of = {
        cell_id: TEST if specimen in test else TRAIN
        for specimen, cells in cells_of.items()
        for cell_id, _ in cells
    }
    _mark_unknown(part_of, ids, patterns, specimens)
    return _parts(ids, part_of, (TRAIN, TEST))


def k_folds(ids: Sequence[str], patterns: Sequence[str | None], *, k: int = 5, seed: int) -> Parts:
    """Return parts "fold-0" to "fold-(k-1)", each pattern spread evenly, at random.

    Of any pattern, and of all cells, two folds differ by at most one cell.

    Raises
    ------
    SettingsError
        When `k` is below 2.
    """
    _check_folds(k)
    part_of: dict[str, str] = {}
    for pattern, members in _by_pattern(ids, patterns).items():
        drawn = generator(seed, "folds", pattern).permutation(np.array(members, dtype=object))
        # Dealt on from where the pattern before stopped, so that whole folds are even too.
        start = len(part_of)
        for place, cell_id in enumerate(drawn, start):
            part_of[cell_id] = f"fold-{place % k}"
    return _parts(ids, part_of, [f"fold-{i}" for i in range(k)])


def specimen_folds(
    ids: Sequence[str],
    patterns: Sequence[str | None],
    specimens: Sequence[str | None],
    *,
    k: int = 5,
    seed: int,
) -> Parts:
    """Return parts "fold-0" to "fold-(k-1)" that share no specimen, patterns as even as may be.

    The specimens of each pattern are dealt in random order, each to the fold with the fewest
    cells of that pattern; the most even of several deals is kept. (scikit-learn's
    ``StratifiedGroupKFold`` makes folds as even, but almost the same ones for every seed.)
    A pattern with fewer than `k` specimens is absent from some folds.

    Raises
    ------
    SettingsError
        When `k` is below 2 or above the number of specimens, or no specimen is known.
    """
    _check_folds(k)
    cells_of = _by_specimen(ids, patterns, specimens)
    if k > len(cells_of):
        raise SettingsError(f"{k} folds", f"only {len(cells_of)} specimens", "ask for fewer folds")
    fold_of: dict[str, int] = {}
    totals = [0] * k
    for pattern, members in _by_main_pattern(cells_of).items():
        random = generator(seed, "specimen folds", pattern)
        sizes = {specimen: len(cells_of[specimen]) for specimen in members}
        deals = (
            _deal([members[i] for i in random.permutation(len(members))], sizes, totals)
            for _ in range(_DEALS)
        )
        counts, deal = min(deals, key=lambda counted: _unevenness(counted[0]))
        fold_of.update(deal)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    part_of = {
        cell_id: f"fold-{fold_of[specimen]}"
        for specimen, cells in cells_of.items()
        for cell_id, _ in cells
    }
    _mark_unknown(part_of, ids, patterns, specimens)
    return _parts(ids, part_of, [f"fold-{i}" for i in range(k)])


def _deal(
    order: list[str], sizes: dict[str, int], totals: list[int]
) -> tuple[list[int], dict[str, int]]:
    """Return the cells each fold gets, and the fold of each specimen."""
    counts = [0] * len(totals)
    fold_of = {}
    for specimen in order:
        # Among folds equal in this pattern, the one with the fewest cells of those before it.
        fold = min(range(len(totals)), key=lambda fold: (counts[fold], totals[fold]))
        fold_of[specimen] = fold
        counts[fold] += sizes[specimen]
    return counts, fold_of


def _unevenness(counts: list[int]) -> int:
    return sum(count * count for count in counts)


def _parts(ids: Sequence[str], part_of: dict[str, str], names: Iterable[str]) -> Parts:
    members: dict[str, list[str]] = {name: [] for name in names}
    for cell_id in ids:
        members.setdefault(part_of.get(cell_id, UNLABELLED), []).append(cell_id)
    return {part: np.array(chosen, dtype=object) for part, chosen in members.items()}


def _by_pattern(ids: Sequence[str], patterns: Sequence[str | None]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for cell_id, pattern in sorted(zip(ids, patterns, strict=True), key=lambda pair: pair[0]):
        if pattern is not None:
            members[pattern].append(cell_id)
    return {pattern: members[pattern] for pattern in sorted(members)}


def _by_specimen(
    ids: Sequence[str], patterns: Sequence[str | None], specimens: Sequence[str | None]
) -> dict[str, list[tuple[str, str]]]:
    """Return specimen -> (cell id, pattern) of its labelled cells, both sorted."""
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for cell_id, pattern, specimen in zip(ids, patterns, specimens, strict=True):
        if pattern is not None and specimen is not None:
            members[specimen].append((cell_id, pattern))
    if not members:
        raise SettingsError(
            "specimens",
            "no labelled cell has a known specimen",
            "import them with --specimen-column, or split at random",
        )
    return {specimen: sorted(members[specimen]) for specimen in sorted(members)}


def _by_main_pattern(cells_of: dict[str, list[tuple[str, str]]]) -> dict[str, list[str]]:
    specimens: dict[str, list[str]] = defaultdict(list)
    for specimen, cells in cells_of.items():
        counts = Counter(pattern for _, pattern in cells)
        main = min(counts, key=lambda pattern: (-counts[pattern], pattern))
        specimens[main].append(specimen)
    return {pattern: specimens[pattern] for pattern in sorted(specimens)}


def _nearest_share(order: list[str], size: dict[str, int], fraction: float) -> set[str]:
    """Return the specimens, taken in order, that bring their sum nearest to the share of all."""
    if len(order) < 2:
        return set()
    target = fraction * sum(size.values())
    chosen: set[str] = set()
    reached = 0
    for specimen in order:
        nearer = abs(reached + size[specimen] - target) < abs(reached - target)
        if nearer and len(chosen) < len(order) - 1:
            chosen.add(specimen)
            reached += size[specimen]
    if not chosen:
        chosen.add(min(order, key=lambda specimen: size[specimen]))
    return chosen


def _mark_unknown(
    part_of: dict[str, str],
    ids: Sequence[str],
    patterns: Sequence[str | None],
    specimens: Sequence[str | None],
) -> None:
    for cell_id, pattern, specimen in zip(ids, patterns, specimens, strict=True):
        if pattern is not None and specimen is None:
            part_of[cell_id] = UNKNOWN_SPECIMEN


def _share(fraction: float, count: int) -> int:
    # 0.29 * 100 is 28.999999999999996 in floating point.
    return int(fraction * count + 1e-9)


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise SettingsError(f"fraction {fraction}", "not between 0 and 1", "ask for 0.2, say")


def _check_folds(k: int) -> None:
    if k < 2:
        raise SettingsError(f"{k} folds", "fewer than two", "ask for 5, say")
