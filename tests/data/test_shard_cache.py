from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import ProjectError, SettingsError
from cellquery.data.shard_cache import cache_folder, mapped_copy

KB = 1000


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLQUERY_CACHE", str(tmp_path / "cache"))


def keep(key: str) -> None:
    mapped_copy(key, KB, lambda copy: copy.write_bytes(key.encode() * KB))


def kept() -> set[str]:
    return {path.stem for path in cache_folder().glob("*")}


def age(key: str, seconds: int) -> None:
    os.utime(cache_folder() / f"{key}.arrow", (seconds, seconds))


def fails(copy: Path) -> None:
    raise AssertionError("was to be there already")


def test_copy_is_made_once() -> None:
    keep("a")
    assert mapped_copy("a", KB, fails).read_buffer().to_pybytes() == b"a" * KB


def test_those_used_longest_ago_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLQUERY_CACHE_GIB", str(3.5 * KB / 2**30))
    for number, key in enumerate("abc"):
        keep(key)
        age(key, number)
    mapped_copy("a", KB, fails)
    keep("d")
    assert kept() == {"a", "c", "d"}


def on_a_disk_of(n_bytes: int) -> Callable[[Path], None]:
    def fetch(copy: Path) -> None:
        held = sum(path.stat().st_size for path in copy.parent.glob("*.arrow"))
        if held + KB > n_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        copy.write_bytes(b"x" * KB)

    return fetch


def test_full_disk_holds_fewer_copies_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    for number, key in enumerate("abcd"):
        keep(key)
        age(key, number)
    mapped_copy("e", KB, on_a_disk_of(4 * KB))
    assert kept() == {"c", "d", "e"}
    assert "no room in" in caplog.text
    assert "keeping fewer there" in caplog.text


def test_disk_without_room_for_one_copy_is_one_line() -> None:
    keep("a")
    with pytest.raises(ProjectError, match="the disk or the quota is full; free some space"):
        mapped_copy("e", KB, on_a_disk_of(0))
    assert not list(cache_folder().glob(".*"))


def test_what_a_killed_process_left_is_removed() -> None:
    keep("a")
    left, fetching = (cache_folder() / f".{name}.unfinished" for name in ("left", "fetching"))
    for path in (left, fetching):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))
    keep("b")
    assert not left.exists()
    assert fetching.exists()


def test_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLQUERY_CACHE_GIB", "much")
    with pytest.raises(SettingsError, match="CELLQUERY_CACHE_GIB: 'much' is no number"):
        keep("a")
