"""Imports that are killed, run out of disk, or may not write: nothing imported before is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.data import Project
from cellquery.data.shards import found_shards

Cli = Callable[..., subprocess.CompletedProcess[str]]
Paint = Callable[..., Path]

is_root = hasattr(os, "geteuid") and os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="mounting a small disk needs root")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, paint_many: Paint) -> Path:
    """Two whole shards and a few cells more."""
    root = tmp_path_factory.mktemp("cells")
    paint_many(root / "golgi", 4200)
    return root


@pytest.fixture(scope="module")
def undisturbed(source: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("undisturbed") / "project"
    assert cli("import", source, "--into", project).returncode == 0
    return project


def shards(project: Path) -> dict[str, bytes]:
    return {shard.name: shard.path.read_bytes() for shard in found_shards(project / "images")}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_import_killed_again_and_again_ends_as_if_undisturbed(
    source: Path, undisturbed: Path, cli: Cli, tmp_path: Path, workers: str
) -> None:
    project = tmp_path / "project"
    command = ["import", str(source), "--into", str(project), "--workers", workers]

    def killed(n_shards: int) -> bool:
        """Kill an import that has written so many shards; return whether it came no further."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cellquery", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            if (project / "images").exists() and len(shards(project)) >= n_shards:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.005)
        return process.returncode == -signal.SIGKILL and len(shards(project)) <= n_shards + 1

    # Killed once it decodes, and once it has written the first shard.
    for n_shards in (0, 1):
        for _ in range(3):
            if in_time := killed(n_shards):
                break
            shutil.rmtree(project)
        assert in_time
    done = cli(*command)
    assert done.returncode == 0, done.stderr
    assert shards(project) == shards(undisturbed)
    assert Project.open(project).manifest().equals(Project.open(undisturbed).manifest())
    assert not list(project.rglob("*.unfinished"))


def test_full_quota_stops_with_one_line_and_a_later_import_goes_on(
    cli: Cli, paint_many: Paint, tmp_path: Path
) -> None:
    source, project = tmp_path / "source", tmp_path / "project"
    paint_many(source / "golgi", 10)
    assert cli("import", source, "--into", project).returncode == 0
    paint_many(source / "speckled", 290)
    full = subprocess.run(
        [sys.executable, "-m", "cellquery", "import", source, "--into", project],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert full.returncode == 1
    assert _one_error(full).endswith(
        "part-00001.arrow: the disk or the quota is full; free some space and run the same "
        "command again: what is written already is kept"
    )
    assert len(Project.open(project).store()) == 10
    assert cli("import", source, "--into", project).returncode == 0
    assert len(Project.open(project).store()) == 300


@needs_root
def test_full_disk_keeps_the_shards_written_before(
    source: Path, undisturbed: Path, cli: Cli, mount_disk: Callable[[int], Path]
) -> None:
    whole = shards(undisturbed)
    disk = mount_disk(3 * len(whole["part-00000.arrow"]) // 2)
    full = cli("import", source, "--into", disk / "project")
    assert full.returncode == 1
    assert "the disk or the quota is full; free some space" in _one_error(full)
    assert shards(disk / "project") == {"part-00000.arrow": whole["part-00000.arrow"]}
    assert len(Project.open(disk / "project").manifest()) == 2048


@needs_root
def test_read_only_disk_is_named(
    cli: Cli, paint_many: Paint, mount_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    paint_many(tmp_path / "source", 3)
    disk = mount_disk(2**20)
    Project.create(disk / "project")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for project in ("project", "new"):
        done = cli("import", tmp_path / "source", "--into", disk / project)
        assert done.returncode == 1
        assert "cannot be written: it is read-only; allow writing" in _one_error(done)


@pytest.mark.skipif(is_root, reason="root may write anywhere; the read-only disk stands for it")
def test_project_without_permission_is_named(cli: Cli, paint_many: Paint, tmp_path: Path) -> None:
    source = paint_many(tmp_path / "source", 3)
    project = Project.create(tmp_path / "project").path
    project.chmod(0o555)
    done = cli("import", source, "--into", project)
    project.chmod(0o755)
    assert done.returncode == 1
    assert "cannot be written: it is read-only; allow writing" in _one_error(done)


def _one_error(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("importing: "))
    assert line.startswith("error: ")
    return line
