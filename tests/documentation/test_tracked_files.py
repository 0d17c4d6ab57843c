"""What must not stand in any file of the repository: places of one machine, and of one network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Written in halves, so that this file does not find itself.
FORBIDDEN = {
    "absolute path": re.compile(
        rb"(?<![\w.~$}])/(?:" + rb"wor" + rb"k|hom" + rb"e|roo" + rb"t|Use" + rb"rs)/[\w.]"
    ),
    "package index": re.compile(
        rb"pypi\." + rb"org|pythonhosted\." + rb"org|download\.pyto" + rb"rch"
    ),
}
REAL_CELL = re.compile(r"(?:^|/)\d{5}(?:_Mask)?\.(?:png|tif)$")


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout: which files are tracked is not known")
    return [repository / name for name in listing.stdout.split("\0") if name]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names_a_place_that_only_one_machine_has(
    tracked: list[Path], repository: Path, what: str
) -> None:
    found = {
        path.relative_to(repository).as_posix(): match[0]
        for path in tracked
        if path.is_file() and (match := FORBIDDEN[what].search(path.read_bytes()))
    }

    assert found == {}


def test_no_real_cell_is_tracked(tracked: list[Path]) -> None:
    assert [path for path in tracked if REAL_CELL.search(path.as_posix())] == []


def test_no_tracked_file_is_larger_than_a_megabyte(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.is_file() and path.stat().st_size > 1_000_000] == []
