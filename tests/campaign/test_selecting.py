from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cellquery.acquisition import Candidates, query_strategy
from cellquery.acquisition.merging import merged
from cellquery.campaign import selecting
from cellquery.campaign.selecting import select_cells
from cellquery.core import SIX_PATTERNS, ProjectError, SettingsError, generator
from cellquery.data import Project
from cellquery.models import Classifier
from cellquery.training.pool_scores import score_project
from cellquery.wavelets import InputSettings


@pytest.fixture(scope="module")
def scores(sharded: Project, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scores of three networks."""
    folders = []
    for seed in range(3):
        network = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=seed)
        folders.append(tmp_path_factory.mktemp("scores") / str(seed))
        score_project(network, sharded, folders[-1], embeddings=True)
    return folders


def whole(folders: list[Path]) -> Candidates:
    tables = [pq.read_table(sorted(folder.glob("part-*.parquet"))) for folder in folders]
    names = [name for name in tables[0].column_names if name.startswith("p_")]
    said = [np.stack([table[name].to_numpy() for name in names], axis=1) for table in tables]
    ids = np.array(tables[0]["cell_id"].to_pylist(), dtype=object)
    specimens = np.array(tables[0]["specimen"].to_pylist(), dtype=object)
    vectors = np.array(tables[0]["embedding"].to_pylist(), dtype=np.float32)
    known = np.array([each is not None for each in tables[0]["pattern"].to_pylist()])
    return Candidates(
        ids[~known],
        probabilities=said[0][~known],
        embeddings=vectors[~known],
        groups=specimens[~known],
        committee=np.stack(said)[:, ~known] if len(said) > 1 else None,
        labelled_embeddings=vectors[known],
        labelled_groups=specimens[known],
    )


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("margin", {}),
        ("margin", {"per_specimen_cap": 1}),
        ("entropy", {"round_robin": True}),
        ("least-confidence", {"random_share": 0.5}),
        ("random", {}),
        ("core-set", {}),
        ("badge", {}),
        ("committee", {}),
        ("bald", {}),
    ],
)
def test_cells_chosen_from_parts_are_those_chosen_from_one_table(
    scores: list[Path], strategy: str, options: dict[str, Any]
) -> None:
    folders = scores if strategy in ("committee", "bald") else scores[:1]
    pool = whole(folders)
    query = query_strategy(strategy, **options).query(pool, 9, generator(4, "select"))
    chosen = select_cells(folders, strategy, 9, options=options, seed=4)
    assert chosen.ids.tolist() == query.ids.tolist()
    assert chosen.utilities.tolist() == query.utilities.tolist()


def test_labelled_cells_are_left_out_and_a_prefilter_leaves_small_margins(
    scores: list[Path],
) -> None:
    margins = select_cells(scores[:1], "margin", 12).ids.tolist()
    rest = select_cells(scores[:1], "margin", 12, without=margins).ids.tolist()
    assert not set(margins) & set(rest)
    few = select_cells(scores[:1], "core-set", 5, prefilter=12).ids.tolist()
    assert set(few) <= set(margins)


def test_the_twin_of_a_cell_that_is_left_out_is_not_chosen(
    scores: list[Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scores[0], tmp_path / "scores"))
    table = pq.read_table(folder / "part-00001.parquet")
    rows = table.to_pylist()
    one, twin, *_ = [row for row in rows if row["pattern"] is None]
    one["embedding"] = twin["embedding"] = [100 + value for value in one["embedding"]]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), folder / "part-00001.parquet")
    twins = {one["cell_id"], twin["cell_id"]}
    assert len(twins & {*select_cells([folder], "core-set", 9).ids}) == 1
    assert not twins & {*select_cells([folder], "core-set", 9, without=[one["cell_id"]]).ids}


def test_specimens_of_cells_that_are_left_out_wait_their_turn(scores: list[Path]) -> None:
    options, specimens = {"round_robin": True}, whole(scores[:1])
    assert specimens.groups is not None
    of = dict(zip(specimens.ids, specimens.groups, strict=True))
    first = select_cells(scores[:1], "margin", 3, options=options).ids.tolist()
    then = select_cells(scores[:1], "margin", 3, options=options, without=first).ids.tolist()
    both = select_cells(scores[:1], "margin", 6, options=options).ids.tolist()
    assert {of[each] for each in first + then} == {of[each] for each in both}


@pytest.mark.parametrize(
    ("networks", "strategy", "fault"),
    [
        (1, "committee", "needs the scores of two networks or more; name a folder of each"),
        (2, "margin", "takes the scores of one network; name one folder"),
        (1, "largest", "no strategy 'largest'"),
    ],
)
def test_what_a_strategy_cannot_choose_from_is_a_line(
    scores: list[Path], networks: int, strategy: str, fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        select_cells(scores[:networks], strategy, 3)


def test_missing_embeddings_and_damaged_parts_are_named(sharded: Project, tmp_path: Path) -> None:
    network = Classifier.fresh(SIX_PATTERNS, InputSettings(side_px=16), seed=0)
    with pytest.raises(ProjectError, match="holds no scores; make some with"):
        select_cells([tmp_path], "margin", 3)
    score_project(network, sharded, tmp_path)
    with pytest.raises(SettingsError, match=r"needs embeddings, which .* has not"):
        select_cells([tmp_path], "badge", 3)
    (tmp_path / "part-00002.parquet").write_bytes(b"cut short")
    with pytest.raises(ProjectError, match=r"part-00002\.parquet: missing or damaged"):
        select_cells([tmp_path], "margin", 3)


def test_a_part_that_is_missing_is_named_and_one_too_many_is_not_read(
    sharded: Project, scores: list[Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scores[0], tmp_path / "scores"))
    expected = select_cells(scores[:1], "margin", 40).ids.tolist()
    shutil.copy(folder / "part-00000.parquet", folder / "part-00009.parquet")
    assert select_cells([folder], "margin", 40).ids.tolist() == expected
    (folder / "part-00002.parquet").unlink()
    with pytest.raises(ProjectError, match=r"part-00002\.parquet: missing; 1 of 4 shards were not"):
        select_cells([folder], "margin", 3)


def test_shortlists_of_many_parts_are_not_all_held_at_once(
    scores: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def counted(parts: Sequence[Candidates], *more: Any) -> Candidates:
        held.append(sum(map(len, parts)))
        return merged(parts, *more)

    monkeypatch.setattr(selecting, "merged", counted)
    chosen = select_cells(scores[:1], "margin", 2).ids.tolist()
    assert chosen == query_strategy("margin").query(whole(scores[:1]), 2, generator(0)).ids.tolist()
    assert max(held) <= 6


def test_scores_on_a_url_are_refused(cli: Callable[..., Any]) -> None:
    done = cli("select", "s3://lab/scores", "--n", "4")
    assert done.returncode == 1
    assert "is a URL" in done.stderr


def test_the_command_writes_the_chosen_cells(
    cli: Callable[..., Any], scores: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "done.csv").write_text(
        "cell_id,pattern\n" + f"{select_cells(scores[:1], 'margin', 1).ids[0]},golgi\n"
    )
    done = cli(
        *("select", scores[0], "--n", "4", "--without", tmp_path / "done.csv"),
        *("--out", tmp_path / "chosen.csv"),
    )
    assert done.returncode == 0, done.stderr
    assert "For Research Use Only" in done.stdout
    lines = (tmp_path / "chosen.csv").read_text().splitlines()
    expected = select_cells(scores[:1], "margin", 5).ids.tolist()[1:]
    assert [line.split(",")[0].strip('"') for line in lines] == ["cell_id", *expected]
