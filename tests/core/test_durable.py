from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core import ProjectError
from cellquery.core.durable import room_for, scratch

MIB = 2**20


def test_room_is_what_was_asked_for_where_there_is_enough(tmp_path: Path) -> None:
    assert room_for(tmp_path, 100_000) == 100_000
    assert room_for(tmp_path, 0) == 0
    assert not list(tmp_path.iterdir())


def test_room_on_a_small_disk_leaves_some_of_it_free(mount_disk: Callable[[int], Path]) -> None:
    assert room_for(mount_disk(MIB), 3 * MIB) == 3 * MIB // 4


def test_mapped_bytes_are_refused_in_one_line_where_the_disk_is_full(
    mount_disk: Callable[[int], Path],
) -> None:
    disk = mount_disk(MIB)
    with pytest.raises(ProjectError, match="the disk or the quota is full; free some space"):
        scratch(disk, 2 * MIB)
    held = scratch(disk, MIB // 2)
    held[:5] = b"cells"
    assert held[:6] == b"cells\0"
    assert not list(disk.iterdir())


def test_room_is_no_more_than_a_process_may_map(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cellquery.core.durable import room_for;"
        "print(room_for(Path(sys.argv[1]), 2 << 30))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)),
    )
    assert int(done.stdout) == 1 << 30
