from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from cellquery.core import (
    SIX_PATTERNS,
    InputError,
    ProjectError,
    SettingsError,
    WeightsError,
)
from cellquery.data import Project
from cellquery.data.readers import Columns
from cellquery.models import Classifier
from cellquery.training.bulk import predict_source
from cellquery.wavelets import InputSettings


@pytest.fixture
def classifier() -> Classifier:
    return Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=32), seed=0)


@pytest.fixture
def folder(tmp_path: Path, synthetic_project: Path) -> Path:
    store = Project.open(synthetic_project).store()
    folder = tmp_path / "images"
    folder.mkdir()
    for cell_id in store.ids[:7]:
        Image.fromarray(store.pixels(cell_id)).save(folder / f"{cell_id}.png")
    return folder


def test_a_folder_and_the_project_it_came_from_are_predicted_alike(
    classifier: Classifier, folder: Path, synthetic_project: Path, tmp_path: Path
) -> None:
    predict_source(classifier, folder, tmp_path / "folder.parquet")
    predict_source(classifier, synthetic_project, tmp_path / "project.parquet")
    of_folder = pq.read_table(tmp_path / "folder.parquet").to_pydict()
    of_project = pq.read_table(tmp_path / "project.parquet").to_pydict()
    row = {cell_id: i for i, cell_id in enumerate(of_project["cell_id"])}
    assert len(of_folder["cell_id"]) == 7
    for i, cell_id in enumerate(of_folder["cell_id"]):
        assert of_folder["predicted"][i] == of_project["predicted"][row[cell_id]]
        total = sum(of_folder[f"p_{pattern}"][i] for pattern in SIX_PATTERNS)
        assert total == pytest.approx(1, abs=1e-5)


def test_csv_holds_what_parquet_holds(classifier: Classifier, folder: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        predict_source(classifier, folder, tmp_path / name)
    csv, parquet = pa_csv.read_csv(tmp_path / "a.csv"), pq.read_table(tmp_path / "a.parquet")
    assert csv.column_names == parquet.column_names
    np.testing.assert_allclose(csv["probability"], parquet["probability"], rtol=1e-6)


def test_damaged_images_are_skipped_and_listed(
    classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    (folder / "empty.png").write_bytes(b"")
    whole = next(folder.glob("*.png")).read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    summary = predict_source(classifier, folder, tmp_path / "out.csv")
    assert summary.n_cells >= 6
    assert {Path(fault.where).name for fault in summary.faults} == {"empty.png", "half.png"}


def test_images_that_cannot_be_read_are_not_among_those_without_a_mask(
    folder: Path, tmp_path: Path
) -> None:
    with_masks = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=32, mask="channel"), seed=0)
    (folder / "empty.png").write_bytes(b"")
    summary = predict_source(with_masks, folder, tmp_path / "out.csv")
    assert summary.n_without_mask == summary.n_cells == 7


def test_nothing_readable_leaves_no_file(classifier: Classifier, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    out = tmp_path / "out.csv"
    with pytest.raises(InputError, match="no image could be read"):
        predict_source(classifier, folder, out)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_shard_is_named_and_leaves_no_file(
    classifier: Classifier, synthetic_project: Path, tmp_path: Path, damage: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(synthetic_project, project)
    shard = next((project / "images").glob("part-*.arrow"))
    whole = shard.read_bytes()
    # Where the pixels of each cell begin: far outside the file.
    store = Project.open(project).store()
    sizes = [store.pixels(cell_id).size for cell_id in store.ids]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype("<i8").tobytes()
    assert offsets in whole
    broken = np.full(len(sizes) + 1, 2**40, "<i8").tobytes()
    shard.write_bytes(whole[:-200] if damage == "cut" else whole.replace(offsets, broken))
    with pytest.raises(ProjectError, match=r"part-\d+\.arrow: damaged shard .*import the source"):
        predict_source(classifier, project, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_labels_that_nobody_asks_for_keep_no_image_from_being_predicted(
    classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "lshep2"
    (source / "cells").mkdir(parents=True)
    for number, image in enumerate(sorted(folder.iterdir()), 1):
        image.rename(source / "cells" / f"{number}.png")
    savemat(source / "labels.mat", {"labels": np.array([[6, 6, 6, 5, 5, 9, 1]])})
    predict_source(classifier, source, tmp_path / "out.parquet")
    ids = pq.read_table(tmp_path / "out.parquet")["cell_id"].to_pylist()
    assert ids == [str(number) for number in range(1, 8)]


def test_an_unknown_suffix_is_refused(classifier: Classifier, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name it \.csv or \.parquet"):
        predict_source(classifier, folder, tmp_path / "out.xlsx")


def test_worker_processes_predict_what_one_process_does(
    classifier: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellquery.training.bulk.WORTH_WORKERS", 5)
    (folder / "empty.png").write_bytes(b"")
    tables = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}.parquet"
        summary = predict_source(classifier, folder, out, workers=workers)
        assert [Path(fault.where).name for fault in summary.faults] == ["empty.png"]
        tables.append(pq.read_table(out))
    assert tables[0]["cell_id"] == tables[1]["cell_id"]
    for pattern in SIX_PATTERNS:
        np.testing.assert_allclose(tables[0][f"p_{pattern}"], tables[1][f"p_{pattern}"], atol=1e-5)


@pytest.mark.parametrize("workers", [1, 2])
def test_networks_of_other_inputs_are_averaged_over_the_cells_that_all_can_read(
    workers: int,
    classifier: Classifier,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cellquery.training.bulk.WORTH_WORKERS", 5)
    masked = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16, mask="erase"), seed=1)
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        with Image.open(folder / name) as image:
            side = image.size if name != names[2] else (9, 9)
        Image.new("L", side, 255).save(tmp_path / f"mask-{name}")
    rows = [f"images/{name},mask-{name}" for name in names]
    table = tmp_path / "cells.csv"
    table.write_text("\n".join(["path,mask", *rows]))
    columns = Columns(path="path", mask="mask")
    said = []
    for i, (first, others) in enumerate(
        [(classifier, []), (masked, []), (classifier, [masked]), (masked, [classifier])]
    ):
        out = tmp_path / f"{i}.parquet"
        summary = predict_source(
            first, table, out, together=others, columns=columns, workers=workers
        )
        faults = [Path(fault.where).name for fault in summary.faults]
        assert faults == ([] if i == 0 else [f"mask-{names[2]}"])
        rows_of = pq.read_table(out).to_pylist()
        said.append({row["cell_id"]: row["p_golgi"] for row in rows_of})
    unmasked, other, both, turned = said
    assert len(unmasked) == len(names)
    assert (
        both
        == turned
        == pytest.approx({cell: (unmasked[cell] + other[cell]) / 2 for cell in other})
    )


def test_networks_of_other_patterns_are_not_averaged(
    classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    five = Classifier.fresh(SIX_PATTERNS[:5], InputSettings(side_px=32), seed=0)
    with pytest.raises(WeightsError, match="average models of the same patterns"):
        predict_source(classifier, folder, tmp_path / "out.csv", together=[five])
    assert not (tmp_path / "out.csv").exists()


def test_an_unknown_accelerator_is_refused(
    classifier: Classifier, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="choose auto, cpu or cuda"):
        predict_source(classifier, folder, tmp_path / "out.csv", accelerator="gpu0")
