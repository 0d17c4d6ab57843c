from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellquery.core import InputError
from cellquery.core.durable import read_table, write_table
from cellquery.data import Project
from cellquery.reports.runs import read_run
from cellquery.reports.standing import standing


def test_a_run_is_read_back_with_its_evaluations(run: Path) -> None:
    read = read_run(run)
    assert [record.name for record in read.evaluations] == ["known", "unseen"]
    assert len(read.epochs) == 4
    assert sum(read.evaluations[0].n_cells_of.values()) == len(read.evaluations[0].cells)


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("settings.json", "finish cellquery train first"),
        ("about.json", "finish cellquery train first"),
        ("epochs.jsonl", "finish cellquery train first"),
        ("predictions-known.parquet", "run cellquery evaluate again"),
    ],
)
def test_a_missing_file_is_named_with_the_remedy(run: Path, file: str, remedy: str) -> None:
    (run / file).unlink()
    with pytest.raises(InputError) as caught:
        _ = read_run(run).evaluations
    assert str(caught.value) == f"{run / file}: no such file; {remedy}"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("settings.json", "{"),
        ("about.json", "[]"),
        ("epochs.jsonl", "not json\n"),
        ("epochs.jsonl", ""),
        ("evaluation-known.json", "{}"),
        ("predictions-known.parquet", "text"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(run: Path, file: str, content: str) -> None:
    (run / file).write_text(content)
    with pytest.raises(InputError) as caught:
        _ = read_run(run).evaluations
    assert str(caught.value).startswith(f"{run / file}: ")
    assert "\n" not in str(caught.value)


def test_predictions_without_true_patterns_or_specimens_are_read(run: Path) -> None:
    table = pa.table(
        {"cell_id": ["a"], "predicted": ["golgi"], "probability": [0.5], "p_golgi": [0.5]}
    )
    pq.write_table(table, run / "predictions-new.parquet")
    (new,) = read_run(run).unjudged
    assert (new.name, new.true[0], new.specimens[0], new.patterns) == (
        "new",
        None,
        None,
        ("golgi",),
    )


def test_a_pattern_of_one_specimen_has_no_interval(run: Path) -> None:
    record = read_run(run).evaluation("unseen")
    for pattern, n_specimens in record.n_specimens_of.items():
        assert (pattern in record.recall_intervals) == (n_specimens > 1)


def test_specimens_are_compared_whatever_the_split_is_called(run: Path, project: Project) -> None:
    read = read_run(run)
    kinds = {record.name: standing(read, record, project).kind for record in read.evaluations}
    assert kinds == {"known": "known", "unseen": "unseen"}


def test_judging_the_training_cells_is_found_out(run: Path, project: Project) -> None:
    write_table(run / "training-cells.parquet", {"cell_id": project.split("known")["test"]})
    read = read_run(run)
    found = standing(read, read.evaluation("known"), project)
    assert found.kind == "trained-on"
    assert "say nothing about new cells" in found.words


def test_cells_that_are_not_in_the_project_leave_it_open(run: Path, project: Project) -> None:
    trained = [*project.split("known")["train"], "of-another-project"]
    write_table(run / "training-cells.parquet", {"cell_id": trained})
    read = read_run(run)
    found = standing(read, read.evaluation("unseen"), project)
    assert found.kind == "unknown"
    assert "Not all cells" in found.words


def test_a_run_that_does_not_name_its_cells_is_not_judged(run: Path, project: Project) -> None:
    (run / "training-cells.parquet").unlink()
    read = read_run(run)
    assert standing(read, read.evaluation("unseen"), project).kind == "unknown"


def test_without_the_project_nothing_is_claimed(run: Path) -> None:
    read = read_run(run)
    assert standing(read, read.evaluation("unseen"), None).kind == "unknown"


def judged_on(run: Path, name: str, **facts: object) -> None:
    """Add facts to an evaluation, as `cellquery evaluate` does."""
    path = run / f"evaluation-{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_what_the_evaluation_found_by_digest_counts_and_not_the_ids(
    run: Path, project: Project
) -> None:
    judged_on(run, "unseen", n_in_training=3)
    read = read_run(run)
    found = standing(read, read.evaluation("unseen"), project)
    assert found.kind == "trained-on"
    assert found.words.startswith("3 of these ")

    ids = read_table(run / "predictions-known.parquet")["cell_id"]
    write_table(run / "training-cells.parquet", {"cell_id": ids, "digest": ["other"] * len(ids)})
    judged_on(run, "known", n_in_training=0, project="elsewhere")
    read = read_run(run)
    found = standing(read, read.evaluation("known"), project)
    assert found.kind == "unknown"
    assert found.words.startswith("None of these cells was in the training. They are of another")


def test_an_earlier_evaluation_of_another_project_is_not_judged_by_its_ids(
    run: Path, project: Project
) -> None:
    write_table(run / "training-cells.parquet", {"cell_id": project.split("known")["test"]})
    judged_on(run, "known", project="elsewhere")
    read = read_run(run)
    found = standing(read, read.evaluation("known"), project)
    assert found.kind == "unknown"
    assert "were not compared" in found.words


def test_a_project_with_other_cells_of_the_same_ids_is_not_that_of_the_training(
    run: Path, project: Project
) -> None:
    ids = project.split("known")["train"]
    write_table(run / "training-cells.parquet", {"cell_id": ids, "digest": ["other"] * len(ids)})
    read = read_run(run)
    found = standing(read, read.evaluation("unseen"), project)
    assert (found.kind, found.words[:13]) == ("unknown", "Not all cells")
