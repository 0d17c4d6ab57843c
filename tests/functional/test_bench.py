"""Benchmarks run, whatever they measure: the small set, its comparison, and their faults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import campaign
from bench.compare import Verdict
from bench.record import Bench
from cellquery.core import CellqueryError

SMOKED = ("campaign", "selection", "inference", "training", "import", "audit", "annotation")


def _run(repository: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *map(str, arguments)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_every_comparison_runs_and_stands_in_the_table(repository: Path, tmp_path: Path) -> None:
    page, kept = tmp_path / "speed.md", tmp_path / "kept"
    page.write_text("# Speed\n\n<!-- bench -->\n<!-- /bench -->\n\nThe end.\n")

    folders = ["--kept", kept, "--work", tmp_path / "work", "--page", page]
    done = _run(repository, "bench", *SMOKED, "--smoke", "--threads", "1", *folders)

    assert done.returncode == 0, done.stderr
    text = page.read_text()
    for title in (
        "A campaign",
        "Selection alone",
        "Scoring and inference",
        "Training",
        "Importing",
        "The audit",
    ):
        assert f"### {title}" in text
    assert "8 labels each" in text
    assert "For Research Use Only" in text
    assert text.endswith("The end.\n")
    facts = json.loads((kept / "campaign" / "cellquery-nothing-0.json").read_text())
    assert facts["seconds"] > 0
    assert facts["packages"]["torch"]
    annotated = json.loads((kept / "annotation.json").read_text())["rows"]
    assert annotated["labels acknowledged"] == 16
    assert annotated["lost"] == annotated["stored twice"] == 0


def test_a_part_is_measured_once_and_anew_on_other_terms(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tmp_path, smoke=True)
    measured = []

    def measure() -> dict[str, int]:
        measured.append(len(measured))
        return {"value": measured[-1]}

    values = [bench.part("one", {"cells": n}, measure)["value"] for n in (5, 5, 6)]

    assert values == [0, 0, 1]


def test_an_unknown_comparison_is_one_clear_line(repository: Path, tmp_path: Path) -> None:
    done = _run(repository, "bench", "nonsense", "--kept", tmp_path, "--work", tmp_path)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no comparison 'nonsense'; choose from campaign, selection, inference" in line


def test_a_peer_that_is_not_installed_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "ROOT", tmp_path)

    with pytest.raises(CellqueryError, match="modAL: is not installed; run make bench-peers"):
        campaign.measure(Bench(tmp_path / "kept", tmp_path / "work"))


def test_every_peer_is_an_extra_with_pinned_versions(repository: Path) -> None:
    project = (repository / "pyproject.toml").read_text()

    for name in campaign.PEERS:
        (line,) = [each for each in project.splitlines() if each.startswith(f"peer-{name} ")]
        assert "==" in line
        assert (repository / "bench" / "peers" / f"{name.replace('-', '_')}_loop.py").exists()


@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        # The second smallest decides: one lucky pair does not hide a regression.
        ([1.0, 1.3, 1.3, 1.2, 1.3, 1.3, 1.4, 1.3, 1.3], "slower"),
        ([1.0, 1.0, 1.3, 1.2, 1.3, 1.3, 1.4, 1.3, 1.3], "-"),
        ([0.98, 1.02, 1.0, 1.04, 0.97, 1.01, 1.0, 1.0, 3.0], "-"),
        ([0.5, 0.5, 0.6, 0.5, 0.5, 0.5, 0.5, 0.6, 1.2], "faster"),
    ],
)
def test_a_regression_is_told_from_the_noise_of_the_machine(ratios: list[float], word: str) -> None:
    assert Verdict.of(ratios).word == word


def test_two_revisions_are_compared_in_one_run(repository: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout: there is no other revision")

    done = _run(repository, "bench.compare", "HEAD", "margin", "--pairs", "1")

    assert "| margin | " in done.stdout, done.stderr
    assert "not compared" not in done.stdout
    left = subprocess.run(
        ["git", "-C", repository, "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert "cellquery-base-" not in left.stdout


def test_a_base_that_is_no_revision_is_one_clear_line(repository: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout: there is no other revision")

    done = _run(repository, "bench.compare", "no-such-revision")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: BASE=no-such-revision: is no revision")
