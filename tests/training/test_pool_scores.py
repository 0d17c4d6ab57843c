from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cellquery.core import SIX_PATTERNS, ProjectError, SettingsError
from cellquery.data import Project
from cellquery.models import Classifier
from cellquery.training.bulk import predict_source
from cellquery.training.pool_scores import score_project
from cellquery.wavelets import InputSettings


@pytest.fixture
def network() -> Classifier:
    return Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=0)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def test_parts_together_are_the_predictions_of_the_project(
    sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    summary = score_project(network, sharded, tmp_path / "scores", embeddings=True)
    predict_source(network, sharded.path, tmp_path / "whole.parquet")
    assert summary.n_cells == 40
    tables = [pq.read_table(path) for path in parts(tmp_path / "scores")]
    whole = pq.read_table(tmp_path / "whole.parquet")
    assert [table.num_rows for table in tables] == [10] * 4
    ids = [cell_id for table in tables for cell_id in table["cell_id"].to_pylist()]
    assert ids == whole["cell_id"].to_pylist()
    said = np.concatenate([table["probability"].to_numpy() for table in tables])
    np.testing.assert_allclose(said, whole["probability"].to_numpy(), rtol=1e-5)
    assert tables[0]["embedding"].type.list_size == network.network.n_embedding
    assert tables[0]["pattern"].null_count == 8


def test_what_is_scored_is_kept_until_its_cells_change(
    sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    project = Project.open(shutil.copytree(sharded.path, tmp_path / "cells"))
    scores, images = tmp_path / "scores", project.path / "images"
    score_project(network, project, scores)
    before = [path.stat().st_mtime_ns for path in parts(scores)]
    parts(scores)[3].write_bytes(b"cut short")
    shutil.copy(images / "part-00001.arrow", images / "part-00002.arrow")
    assert score_project(network, project, scores).n_cells == 40
    after = [path.stat().st_mtime_ns for path in parts(scores)]
    assert [was == now for was, now in zip(before, after, strict=True)] == [
        True,
        True,
        False,
        False,
    ]


def test_a_damaged_shard_is_named_once_the_others_are_scored(
    sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    project = Project.open(shutil.copytree(sharded.path, tmp_path / "cells"))
    damaged = project.path / "images" / "part-00001.arrow"
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(ProjectError, match=r"part-00001\.arrow: damaged shard .*; 1 of 4 shards"):
        score_project(network, project, tmp_path / "scores")
    assert len(parts(tmp_path / "scores")) == 3


def test_scores_of_another_network_are_not_mixed_in(
    sharded: Project, network: Classifier, tmp_path: Path
) -> None:
    score_project(network, sharded, tmp_path)
    before = (tmp_path / "scores.json").read_bytes()
    other = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=1)
    with pytest.raises(SettingsError, match="holds scores of another network"):
        score_project(other, sharded, tmp_path)
    with pytest.raises(SettingsError, match="holds scores with other views"):
        score_project(network, sharded, tmp_path, views=8)
    assert (tmp_path / "scores.json").read_bytes() == before
