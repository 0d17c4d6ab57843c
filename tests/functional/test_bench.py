"""Benchmarks run, whatever they measure: the small set, its comparison, and their faults."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import campaign, compare
from bench.__main__ import COMPARISONS, tables
from bench.compare import Verdict
from bench.record import Bench
from cellquery.core import CellqueryError
from tests.browser import chromium

Python = Callable[..., "subprocess.CompletedProcess[str]"]
SMOKED = ("campaign", "selection", "inference", "training", "import", "audit", "annotation")


def test_every_comparison_runs_and_stands_in_the_table(
    in_repository: Python, tmp_path: Path
) -> None:
    page, kept = tmp_path / "speed.md", tmp_path / "kept"
    page.write_text("# Speed\n\n<!-- bench -->\n<!-- /bench -->\n\nThe end.\n")

    folders = ["--kept", kept, "--work", tmp_path / "work", "--page", page]
    done = in_repository("-m", "bench", *SMOKED, "--smoke", "--threads", "1", *folders)

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
    assert set(facts["versions"]) == {"torch", "numpy", "scikit-learn"}
    if not campaign.installed("baal"):
        assert "Baal: is not installed, left out; make bench" in done.stderr
        assert "Not installed: Baal." in text
    annotated = json.loads((kept / "annotation.json").read_text())["rows"]
    assert annotated["labels acknowledged"] == 16
    assert annotated["lost"] == annotated["stored twice"] == 0


def test_keys_in_a_browser_are_timed(in_repository: Python, tmp_path: Path) -> None:
    chromium()
    page = tmp_path / "speed.md"
    page.write_text("<!-- bench -->\n<!-- /bench -->\n")

    folders = ["--kept", tmp_path / "kept", "--work", tmp_path / "work", "--page", page]
    done = in_repository("-m", "bench", "page", "--smoke", "--threads", "1", *folders)

    assert done.returncode == 0, done.stderr
    waited = json.loads((tmp_path / "kept" / "page.json").read_text())["ms"]
    assert len(waited["last of a batch"]) == 1
    assert len(waited["idle"]) >= 30
    assert all(0 < each < 60_000 for each in waited["idle"])
    assert "| idle |" in page.read_text()


def test_a_part_is_measured_once_and_anew_on_other_terms(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tmp_path, smoke=True)
    measured = []

    def measure() -> dict[str, int]:
        measured.append(len(measured))
        return {"value": measured[-1]}

    values = [bench.part("one", {"cells": n}, measure)["value"] for n in (5, 5, 6)]

    assert values == [0, 0, 1]


def test_what_a_part_says_of_its_packages_stands(tmp_path: Path) -> None:
    packages = {"scikit-learn": "1.7.2"}

    kept = Bench(tmp_path, tmp_path).part("one", {}, lambda: {"packages": packages})

    assert kept["packages"] == packages
    assert kept["python"]


@pytest.mark.parametrize("name", COMPARISONS)
def test_what_is_committed_is_found_by_the_commands_of_the_page(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # `make bench` installs Baal before it looks.
    (tmp_path / ".venv-peers" / "baal").mkdir(parents=True)
    (tmp_path / ".venv-peers" / "baal" / "installed").touch()
    monkeypatch.setattr(campaign, "ROOT", tmp_path)
    kept = _kept(repository)
    real = Path("runs/i3a") if name == "inference" else None
    folds = Path("runs/i3a-best/pool-only/seed-0") if name == "inference" else None
    threads = 2 if name == "inference" else 1
    bench = Bench(kept, kept, project=real, folds=folds, threads=threads)
    module = importlib.import_module(COMPARISONS[name])
    terms = module.terms(bench) if hasattr(module, "terms") else {}

    facts = bench.part(name, terms, lambda: pytest.fail("measured anew"))

    assert facts["started"]


def test_only_what_looks_at_real_cells_is_measured_anew_on_others(tmp_path: Path) -> None:
    modules = {name: importlib.import_module(each) for name, each in COMPARISONS.items()}
    with_terms = {name: module for name, module in modules.items() if hasattr(module, "terms")}
    some, others = (Bench(tmp_path, tmp_path, project=Path(name)) for name in ("some", "others"))

    moved = [name for name, each in with_terms.items() if each.terms(some) != each.terms(others)]

    assert moved == ["campaign", "inference"]


def test_the_page_shows_what_is_kept(repository: Path) -> None:
    kept = _kept(repository)
    known = {name: json.loads((kept / f"{name}.json").read_text()) for name in COMPARISONS}

    assert tables(known) in (repository / "docs" / "speed.md").read_text()


def _kept(repository: Path) -> Path:
    kept = repository / "results" / "bench"
    if not kept.exists():
        pytest.skip("not a checkout: it holds no results")
    return kept


def test_an_unknown_comparison_is_one_clear_line(in_repository: Python, tmp_path: Path) -> None:
    done = in_repository("-m", "bench", "nonsense", "--kept", tmp_path, "--work", tmp_path)

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


def test_two_revisions_are_compared_in_one_run(in_repository: Python, repository: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout: there is no other revision")

    done = in_repository("-m", "bench.compare", "HEAD", "margin", "--pairs", "1")

    assert "| margin | " in done.stdout, done.stderr
    assert "not compared" not in done.stdout
    left = subprocess.run(
        ["git", "-C", repository, "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert "cellquery-base-" not in left.stdout


@pytest.mark.parametrize(("side", "status"), [("new", 1), ("old", 0)])
def test_a_benchmark_that_no_longer_runs_is_a_fault_and_one_that_did_not_yet_is_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    side: str,
    status: int,
) -> None:
    @contextmanager
    def itself(value: object) -> Iterator[object]:
        yield tmp_path if value == "v1" else value

    def ask(root: object, name: str) -> dict[str, float | str]:
        broken = (root == compare.ROOT) == (side == "new")
        return {"fault": "ImportError: no such name"} if broken else {"seconds": 1.0}

    monkeypatch.setattr(compare, "checked_out", itself)
    monkeypatch.setattr(compare, "worker", itself)
    monkeypatch.setattr(compare, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["bench.compare", "v1", "margin"])

    assert compare.main() == status
    said = capsys.readouterr()
    assert "ImportError: no such name" in said.out
    assert ("error: does not run: margin" in said.err) == (status == 1)


def test_a_base_that_is_no_revision_is_one_clear_line(
    in_repository: Python, repository: Path
) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout: there is no other revision")

    done = in_repository("-m", "bench.compare", "no-such-revision")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: BASE=no-such-revision: is no revision")
