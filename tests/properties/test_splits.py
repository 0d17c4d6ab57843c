"""What holds of every split, whatever the cells."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
from hypothesis import assume, given, settings, strategies as st

from cellquery.data import k_folds, random_split, specimen_folds, specimen_split
from cellquery.data.project import Parts

Cell = tuple[str, str | None, str | None]

cells = st.lists(
    st.tuples(
        st.text("ab01", min_size=1, max_size=6),
        st.sampled_from(["golgi", "speckled", "homogeneous", None]),
        st.sampled_from(["s1", "s2", "s3", "s4", "s5", "s6", None]),
    ),
    min_size=1,
    max_size=80,
    unique_by=lambda cell: cell[0],
)
seeds = st.integers(0, 2**31)
fractions = st.floats(0.01, 0.99)


def columns(drawn: list[Cell]) -> tuple[list[str], list[str | None], list[str | None]]:
    ids, patterns, specimens = zip(*drawn, strict=True)
    return list(ids), list(patterns), list(specimens)


def every_split(drawn: list[Cell], fraction: float, seed: int) -> list[Parts]:
    ids, patterns, specimens = columns(drawn)
    made = [
        random_split(ids, patterns, fraction=fraction, seed=seed),
        k_folds(ids, patterns, k=3, seed=seed),
    ]
    known = {s for p, s in zip(patterns, specimens, strict=True) if p and s}
    if len(known) >= 3:
        made += [
            specimen_split(ids, patterns, specimens, fraction=fraction, seed=seed),
            specimen_folds(ids, patterns, specimens, k=3, seed=seed),
        ]
    return made


def as_sets(parts: Parts) -> dict[str, set[str]]:
    return {part: set(ids) for part, ids in parts.items() if len(ids)}


@given(cells, fractions, seeds)
def test_parts_are_disjoint_and_complete(drawn: list[Cell], fraction: float, seed: int) -> None:
    for parts in every_split(drawn, fraction, seed):
        together = [cell_id for ids in parts.values() for cell_id in ids]
        assert sorted(together) == sorted(cell[0] for cell in drawn)


@given(cells, fractions, seeds)
def test_unlabelled_cells_are_in_their_part_and_only_they(
    drawn: list[Cell], fraction: float, seed: int
) -> None:
    unlabelled = {cell_id for cell_id, pattern, _ in drawn if pattern is None}
    for parts in every_split(drawn, fraction, seed):
        assert set(parts.get("unlabelled", ())) == unlabelled


@given(cells, fractions, seeds)
def test_no_specimen_is_shared_between_parts(drawn: list[Cell], fraction: float, seed: int) -> None:
    specimen_of = {cell_id: specimen for cell_id, _, specimen in drawn}
    for parts in every_split(drawn, fraction, seed)[2:]:
        sides = defaultdict(set)
        for part in parts.keys() - {"unlabelled", "specimen-unknown"}:
            for cell_id in parts[part]:
                sides[specimen_of[cell_id]].add(part)
        assert all(len(parts_of_it) == 1 for parts_of_it in sides.values())


@given(cells, fractions, seeds, st.randoms(use_true_random=False))
def test_shuffling_the_cells_does_not_change_the_split(
    drawn: list[Cell], fraction: float, seed: int, random: np.random.Generator
) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)
    before = every_split(drawn, fraction, seed)
    after = every_split(shuffled, fraction, seed)
    assert list(map(as_sets, before)) == list(map(as_sets, after))


@given(cells, fractions, seeds)
def test_test_part_of_each_pattern_is_the_share_rounded_down(
    drawn: list[Cell], fraction: float, seed: int
) -> None:
    ids, patterns, _ = columns(drawn)
    pattern_of = dict(zip(ids, patterns, strict=True))
    parts = random_split(ids, patterns, fraction=fraction, seed=seed)
    tested = Counter(pattern_of[cell_id] for cell_id in parts["test"])
    for pattern, n in Counter(p for p in patterns if p).items():
        assert tested[pattern] == math.floor(fraction * n + 1e-9)


@given(cells, seeds)
def test_random_folds_differ_by_one_cell_at_most(drawn: list[Cell], seed: int) -> None:
    ids, patterns, _ = columns(drawn)
    assume(any(patterns))
    pattern_of = dict(zip(ids, patterns, strict=True))
    parts = k_folds(ids, patterns, k=3, seed=seed)
    folds = [parts[f"fold-{i}"] for i in range(3)]
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    for pattern in {p for p in patterns if p}:
        counts = [sum(pattern_of[cell_id] == pattern for cell_id in fold) for fold in folds]
        assert max(counts) - min(counts) <= 1


@settings(max_examples=25)
@given(seeds)
def test_test_part_by_specimen_is_near_its_share(seed: int) -> None:
    ids = [f"{s}-{n}" for s in range(30) for n in range(10 + s % 7)]
    specimens = [i.split("-")[0] for i in ids]
    patterns = ["golgi" if int(s) < 15 else "speckled" for s in specimens]
    parts = specimen_split(ids, patterns, specimens, fraction=0.2, seed=seed)
    assert abs(len(parts["test"]) / len(ids) - 0.2) < 0.05
