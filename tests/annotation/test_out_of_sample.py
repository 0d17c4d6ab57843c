"""What is read of the networks that had not learnt a cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cellquery.annotation.out_of_sample import out_of_sample
from cellquery.campaign.records import keep_scores, round_folder


def test_rounds_that_kept_no_probabilities_are_passed_over(tmp_path: Path) -> None:
    ids, patterns = ["a", "b", "c"], ["golgi", "speckled"]
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], np.float32)
    for number, labelled in enumerate(({"a"}, {"a", "b"})):
        folder = round_folder(tmp_path, number)
        folder.path.mkdir(parents=True)
        keep_scores(folder.path / "pool.parquet", ids, labelled, chances, patterns)
        folder.keep_facts({"round": number})
    both = out_of_sample(tmp_path)
    assert dict(zip(both.row, both.models, strict=True)) == {"b": "round 0", "c": "round 1"}
    old = round_folder(tmp_path, 0).path / "pool.parquet"
    pq.write_table(pq.read_table(old).drop_columns("probabilities"), old)
    said = out_of_sample(tmp_path)
    assert dict(zip(said.row, said.models, strict=True)) == {"c": "round 1"}
    assert np.allclose(said.probabilities, chances[2:])
