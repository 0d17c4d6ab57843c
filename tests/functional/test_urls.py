"""The commands on an S3 server, each a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cellquery.core.places import path_or_url

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_a_project_on_a_url_is_made_trained_on_and_named_where_it_is_damaged(
    cli: Cli, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELLQUERY_CACHE", str(tmp_path / "cache"))
    project, run = f"{s3}/hep2", f"{s3}/runs/first"
    made = cli("synthesize", "--into", project, "--cells", "24", "--specimens", "6")
    assert made.returncode == 0, made.stderr
    settings = tmp_path / "tiny.toml"
    settings.write_text("max_epochs = 1\nmin_steps = 0\ninputs = {side_px = 16}\n")
    trained = cli("train", project, "--settings", settings, "--into", run)
    assert f"{run}/model.safetensors: 24 training" in trained.stdout, trained.stderr

    shard = path_or_url(f"{project}/images/part-00000.arrow")
    shard.write_bytes(shard.read_bytes()[:1000])
    damaged = cli("predict", run, project, "--out", tmp_path / "out.csv")
    assert damaged.returncode == 1
    assert damaged.stderr.startswith(f"error: {shard}: damaged shard (1000 bytes of ")
    assert damaged.stderr.endswith("; delete it and import the source again\n")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "s3://cells/hep2"),
        ("campaign", "run", "cells", "--into", "s3://cells/campaign"),
        ("labels", "export", "s3://cells/hep2", "--out", "labels.csv"),
    ],
)
def test_what_is_locked_does_not_lie_on_a_url(cli: Cli, arguments: tuple[str, ...]) -> None:
    refused = cli(*arguments)
    assert refused.returncode == 1
    assert "is a URL, and this must lie on a disk of this machine; name a folder" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
