from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data.synthetic import into_folder, into_project, synthetic_settings

Cli = Callable[..., CompletedProcess[str]]


def test_show_draws_an_image_file(cli: Cli, tmp_path: Path) -> None:
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(tmp_path / "one.png")
    done = cli("show", "one.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["one-wavelets.png", RESEARCH_USE_ONLY]
    with Image.open(tmp_path / "one-wavelets.png") as drawn:
        assert drawn.width > 1000


def test_show_draws_a_cell_of_a_project_and_says_it_is_synthetic(cli: Cli, tmp_path: Path) -> None:
    into_project(6, synthetic_settings(n_specimens=6), tmp_path / "cells")
    out = tmp_path / "drawn.svg"
    done = cli("show", tmp_path / "cells", "S001-00001", "--out", out, "--details", "magnitude")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC CELL" in out.read_text()


def test_show_finds_out_that_an_image_file_is_synthetic(cli: Cli, tmp_path: Path) -> None:
    into_folder(6, synthetic_settings(n_specimens=6), tmp_path / "made")
    image = next((tmp_path / "made" / "cells").rglob("*.png"))
    done = cli("show", image, "--out", tmp_path / "drawn.svg")
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC CELL" in (tmp_path / "drawn.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "absent.png"), "absent.png: no such file"),
        (("show", "."), "is a folder; add the id of a cell"),
        (("show", ".", "7"), "not a cellquery project"),
        (("report", "absent"), "absent: no such run directory"),
        (("report", "empty"), "settings.json: no such file; finish cellquery train first"),
    ],
)
def test_faults_are_one_line(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_report_writes_one_page_beside_the_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("settings", "about"):
        (tmp_path / "run" / f"{name}.json").write_text("{}")
    epoch = {"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5}
    (tmp_path / "run" / "epochs.jsonl").write_text(json.dumps(epoch) + "\n")
    done = cli("report", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(Path("run/report.html")), RESEARCH_USE_ONLY]
    assert "Not evaluated yet" in (tmp_path / "run" / "report.html").read_text()
