"""The cache of early features where memory or disk are short: it is smaller, and says so."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cellquery.campaign import KnownLabels, Pool
from cellquery.campaign.records import rounds_done
from cellquery.models import Classifier
from cellquery.training import Augmentation, early, early_features
from cellquery.training.early import size_mb

from .conftest import campaign, settings_with

SETTINGS = settings_with(budget=10, first=5, per_round=5)
N_CACHED = 8 * 10 + 120
"""Every view of the cells that will be labelled, and one of each cell of the pool."""


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """Let the system refuse larger files, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def last_scores(root: Path) -> np.ndarray:
    table = pq.read_table(rounds_done(root)[-1].path / "pool.parquet")
    return np.stack(table["probabilities"].to_numpy(zero_copy_only=False))


def test_a_cache_killed_between_its_two_files_is_made_again(
    tmp_path: Path, pool: Pool, initial: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pool.npy"
    first, other = pool.cells.rows(slice(5)), pool.cells.rows(slice(5, 10))
    made = early_features(initial, first, Augmentation(), [0], path=path).values.copy()
    with monkeypatch.context() as patch:
        patch.setattr(early, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            early_features(initial, other, Augmentation(), [0], path=path)
    again = early_features(initial, first, Augmentation(), [0], path=path).values
    assert np.array_equal(again, made)


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def room(initial: Classifier) -> int:
    """Too few bytes for the whole cache, enough for half of it."""
    return int(0.8e6 * size_mb(initial, N_CACHED, 1))


@pytest.fixture
def with_room(tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier) -> np.ndarray:
    """What the last network of the campaign says where there is room enough."""
    root = tmp_path / "with-room"
    campaign(root, pool, SETTINGS, initial=initial).advance(known)
    assert rounds_done(root)[-1].facts()["notes"] == []
    return last_scores(root)


def test_a_quota_leaves_a_smaller_cache_and_the_same_campaign(
    tmp_path: Path,
    pool: Pool,
    known: KnownLabels,
    initial: Classifier,
    room: int,
    with_room: np.ndarray,
) -> None:
    root = tmp_path / "quota"
    made = campaign(root, pool, SETTINGS, initial=initial)
    with files_of_at_most(room):
        made.sight.prepare()
    assert len(np.load(root / "early" / "pool.npy")) == 20
    assert made.advance(known) == "done"
    assert not (root / "early").exists(), "its room is given back"
    notes = [note for folder in rounds_done(root) for note in folder.facts()["notes"]]
    assert notes
    for note in notes:
        assert note.startswith("the cache needs ")
        assert note.endswith("for which there is room: 20 of 120 cells of the pool are kept")
    assert last_scores(root) == pytest.approx(with_room, abs=0.02)


def test_a_small_disk_leaves_a_smaller_cache_and_is_not_asked_for_more_later(
    pool: Pool,
    known: KnownLabels,
    initial: Classifier,
    room: int,
    with_room: np.ndarray,
    mount_disk: Callable[[int], Path],
) -> None:
    disk = mount_disk(room)
    (root := disk.parent / "campaign").mkdir()
    (root / "early").symlink_to(disk)
    for _ in range(2):
        made = campaign(root, pool, SETTINGS, initial=initial)
        made.sight.prepare()
        assert "20 of 120 cells of the pool are kept" in made.sight.note
    assert made.advance(known) == "done"
    assert last_scores(root) == pytest.approx(with_room, abs=0.02)


def test_without_room_for_the_labelled_cells_nothing_is_cached(
    tmp_path: Path, pool: Pool, known: KnownLabels, initial: Classifier, room: int
) -> None:
    made = campaign(tmp_path, pool, SETTINGS, initial=initial)
    with files_of_at_most(room // 4):
        made.sight.prepare()
    assert made.sight.note.endswith("for which there is room: not used")
    assert not made.sight.cached
    assert made.advance(known) == "done"
