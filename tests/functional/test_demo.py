from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.experiments.demo import QUICK, run_demo

Cli = Callable[..., CompletedProcess[str]]


def test_the_demo_ends_with_a_report_and_goes_on_where_it_was(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--into", "try", "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = tmp_path / "try" / "report.html"
    assert page.as_uri() in done.stdout
    assert RESEARCH_USE_ONLY in done.stdout
    assert "training: 2 of 2" in done.stderr
    text = page.read_text()
    for words in (
        "Initial learning",
        "Target set",
        "Unseen specimens: evaluation “unseen”",
        "Known specimens: evaluation “known”",
        "Predictions “new-images”, 6 cells without labels",
        "Least certain",
        "Synthetic cells.",
    ):
        assert words in text, words
    assert not re.search(r"https?://", text)

    run = tmp_path / "try" / "target" / "models" / "target"
    before = (run / "model.safetensors").read_bytes()
    figures = json.loads((run / "evaluation-unseen.json").read_text())
    run_demo(tmp_path / "try", QUICK)
    assert (run / "model.safetensors").read_bytes() == before
    again = json.loads((run / "evaluation-unseen.json").read_text())
    # Only the speed is the machine's.
    assert again.pop("cells_per_second") > 0 < figures.pop("cells_per_second")
    assert again == figures


def test_a_folder_of_other_things_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "try" / "initial").mkdir(parents=True)
    (tmp_path / "try" / "initial" / "notes.txt").write_text("mine")
    done = cli("demo", "--into", "try", "--quick", cwd=tmp_path)
    assert done.returncode == 1
    assert "try/initial: is not empty" in done.stderr
    assert (tmp_path / "try" / "initial" / "notes.txt").read_text() == "mine"
