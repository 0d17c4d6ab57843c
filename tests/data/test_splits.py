from __future__ import annotations

import pytest

from cellquery.core import SettingsError
from cellquery.data import k_folds, random_split, specimen_folds, specimen_split

IDS = [f"{n:03}" for n in range(120)]
PATTERNS = ["golgi" if n < 40 else "speckled" for n in range(120)]
SPECIMENS = [f"s{n // 10}" for n in range(120)]


def test_share_of_each_pattern_is_rounded_down() -> None:
    parts = random_split(IDS[:49], PATTERNS[:49], fraction=0.2, seed=0)
    assert sum(i < "040" for i in parts["test"]) == 8
    assert sum(i >= "040" for i in parts["test"]) == 1


def test_share_is_not_lowered_by_floating_point() -> None:
    ids = [str(n) for n in range(100)]
    assert len(random_split(ids, ["golgi"] * 100, fraction=0.29, seed=0)["test"]) == 29


def test_another_pattern_leaves_the_cells_of_the_first_where_they_were() -> None:
    alone = random_split(IDS[:40], PATTERNS[:40], seed=5)["test"]
    among = random_split(IDS, PATTERNS, seed=5)["test"]
    assert set(alone) <= set(among)


def test_cells_without_a_pattern_are_in_a_part_of_their_own() -> None:
    parts = random_split(["a", "b", "c"], ["golgi", None, "golgi"], fraction=0.5, seed=0)
    assert list(parts["unlabelled"]) == ["b"]


def test_every_pattern_has_a_specimen_on_each_side() -> None:
    for seed in range(20):
        parts = specimen_split(IDS, PATTERNS, SPECIMENS, fraction=0.1, seed=seed)
        for side in ("train", "test"):
            assert {PATTERNS[int(i)] for i in parts[side]} == {"golgi", "speckled"}


def test_only_specimen_of_a_pattern_stays_in_training() -> None:
    parts = specimen_split(["a", "b"], ["golgi", "golgi"], ["s", "s"], seed=0)
    assert list(parts["train"]) == ["a", "b"]
    assert len(parts["test"]) == 0


def test_cells_of_unknown_specimen_are_on_neither_side() -> None:
    specimens: list[str | None] = [*SPECIMENS[:-1], None]
    for parts in (
        specimen_split(IDS, PATTERNS, specimens, seed=0),
        specimen_folds(IDS, PATTERNS, specimens, k=3, seed=0),
    ):
        assert list(parts["specimen-unknown"]) == ["119"]


def test_seeds_give_different_folds() -> None:
    # scikit-learn's StratifiedGroupKFold would give the same folds for specimens of unlike size.
    ids = [f"{s}-{n}" for s in range(12) for n in range(20 + s)]
    specimens = [i.split("-")[0] for i in ids]
    patterns = ["golgi" if int(s) % 2 else "speckled" for s in specimens]
    made = [
        frozenset(
            frozenset(part)
            for part in specimen_folds(ids, patterns, specimens, k=3, seed=s).values()
        )
        for s in range(4)
    ]
    assert len(set(made)) > 1


def test_folds_of_equal_specimens_are_even() -> None:
    parts = specimen_folds(IDS, PATTERNS, SPECIMENS, k=4, seed=0)
    assert [len(ids) for ids in parts.values()] == [30, 30, 30, 30]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fraction_must_be_a_share(fraction: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        random_split(IDS, PATTERNS, fraction=fraction, seed=0)


def test_one_fold_is_refused() -> None:
    with pytest.raises(SettingsError, match="fewer than two"):
        k_folds(IDS, PATTERNS, k=1, seed=0)


def test_more_folds_than_specimens_are_refused() -> None:
    with pytest.raises(SettingsError, match="only 12 specimens"):
        specimen_folds(IDS, PATTERNS, SPECIMENS, k=13, seed=0)


def test_split_by_specimen_needs_specimens() -> None:
    with pytest.raises(SettingsError, match="no labelled cell has a known specimen"):
        specimen_split(IDS, PATTERNS, [None] * 120, seed=0)
