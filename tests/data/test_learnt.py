from __future__ import annotations

import json
from pathlib import Path

import pytest

from cellquery.core.durable import write_table
from cellquery.data import Project
from cellquery.data.learnt import digests_of, met_before, trained_cells


@pytest.mark.parametrize("name", ["cells", "elsewhere"])
def test_cells_that_the_initial_network_has_learnt_are_found_by_their_images(
    synthetic_project: Path, tmp_path: Path, name: str
) -> None:
    """Whatever they were called there; where no digest is said, by id in the same project."""
    project = Project.open(synthetic_project)
    (first, digest), (second, _), (third, _) = list(digests_of(project).items())[:3]
    table = {"cell_id": ["renamed", second, third], "digest": [digest, "another image", None]}
    write_table(tmp_path / "training-cells.parquet", table)
    (tmp_path / "about.json").write_text(json.dumps({"project": name}))
    met = met_before(project, tmp_path / "model.safetensors", None)
    assert met == {"initial": [first, third] if name == "cells" else [first]}
    learnt = trained_cells(tmp_path)
    assert learnt is not None
    assert not learnt.all_in(project.manifest())
