"""What `cellquery export` hands out, and how it refuses."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import anndata
import onnxruntime
import pytest

from cellquery.annotation import Desk
from cellquery.cli.serve import _record
from cellquery.data import Project
from cellquery.training.onnx_file import onnx_feeds

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_a_served_project_hands_out_network_predictions_and_embeddings(
    cli: Cli, annotated_project: Path, tmp_path: Path
) -> None:
    model, rest, every = (tmp_path / "out" / name for name in ("m.onnx", "rest.csv", "all.h5ad"))
    done = cli("export", "model", annotated_project, "--out", model, "--views", "8")
    assert done.returncode == 0, done.stderr
    assert "ONNX Runtime and PyTorch agree on" in done.stdout
    assert "final, homogeneous, speckled" in done.stdout
    assert "For Research Use Only" in done.stdout
    assert done.stderr == ""
    done = cli("export", "predictions", annotated_project, "--out", rest)
    assert done.stdout.startswith(f"{rest}: 48 cells; network: final"), done.stderr
    assert cli("export", "anndata", annotated_project, "--out", every).returncode == 0
    assert anndata.read_h5ad(every).n_obs == 72
    store = Project.open(annotated_project).store()
    session = onnxruntime.InferenceSession(model)
    with open(rest, newline="") as file:
        for row in list(csv.DictReader(file))[:5]:
            cell_id = row["cell_id"]
            feeds = onnx_feeds(session, store.pixels(cell_id), store.mask(cell_id))
            (probabilities,) = session.run(["probabilities"], feeds)
            wanted = [float(value) for name, value in row.items() if name.startswith("p_")]
            assert probabilities[0] == pytest.approx(wanted, abs=1e-4)


def test_weights_are_handed_out_as_they_are(
    cli: Cli, annotated_project: Path, tmp_path: Path
) -> None:
    final = annotated_project / "annotation" / "campaign" / "final"
    out = tmp_path / "model.safetensors"
    assert cli("export", "model", annotated_project, "--out", out).returncode == 0
    assert out.read_bytes() == (final / "model.safetensors").read_bytes()


def test_a_record_is_of_one_campaign(cli: Cli, annotated_project: Path, tmp_path: Path) -> None:
    page = tmp_path / "record.html"
    done = cli("report", annotated_project, annotated_project, "--out", page)
    assert done.returncode == 1
    assert done.stderr.endswith("a record is of one campaign; report on each by itself\n")
    assert not page.exists()


def test_the_server_has_the_record_made_by_the_command(annotated_project: Path) -> None:
    desk = Desk.open(Project.open(annotated_project))
    page = _record(desk, None)
    desk.database.close()
    assert "<h1>Record of the campaign moved</h1>" in page
    assert page.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["model", "{bare}", "--out", "x.onnx"], "nobody annotates it yet"),
        (["model", "{project}", "--out", "x.pt"], "name it .safetensors or .onnx"),
        (["predictions", "{project}", "--out", "x.txt"], "name it .csv or .parquet"),
        (["predictions", "{project}", "--out", "x.csv", "--views", "3"], "3 is not 1 or 8"),
        (["anndata", "{project}", "--out", "x.h5"], "name it .h5ad"),
    ],
)
def test_faults_are_one_line_with_a_remedy(
    cli: Cli,
    annotated_project: Path,
    synthetic_project: Path,
    tmp_path: Path,
    arguments: list[str],
    fault: str,
) -> None:
    places = {"project": annotated_project, "bare": synthetic_project}
    done = cli("export", *(each.format(**places) for each in arguments), cwd=tmp_path)
    assert done.returncode == 1
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
