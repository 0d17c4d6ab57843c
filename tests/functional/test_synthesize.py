from __future__ import annotations

from pathlib import Path

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.data import Project


def test_a_project_and_a_sheet_are_made(cli, tmp_path: Path) -> None:
    done = cli(
        *("synthesize", "--into", tmp_path / "cells", "--cells", 18, "--specimens", 9),
        *("--patterns", "Golgi,fine speckled,cytoplasmic", "--seed", 4, "--bits", 16),
        *("--gallery", tmp_path / "sheet.png"),
    )

    assert done.returncode == 0, done.stderr
    assert RESEARCH_USE_ONLY in done.stdout
    assert (tmp_path / "sheet.png").stat().st_size > 5000
    project = Project.open(tmp_path / "cells")
    assert project.patterns == ("golgi", "fine_speckled", "cytoplasmic")
    assert len(project.store()) == 18
    assert set(project.manifest()["content_bits"].to_pylist()) == {12}


def test_a_folder_of_images_is_made(cli, tmp_path: Path) -> None:
    done = cli("synthesize", "--into", tmp_path, "--cells", 6, "--layout", "table")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cells.csv").read_text().count("\n") == 7
    assert len(list(tmp_path.rglob("*.png"))) == 12


def test_cells_imported_from_a_folder_are_still_known_as_synthetic(cli, tmp_path: Path) -> None:
    cli("synthesize", "--into", tmp_path / "folder", "--cells", 6, "--layout", "table")
    done = cli("import", tmp_path / "folder", "--into", tmp_path / "project")

    assert done.returncode == 0, done.stderr
    assert Project.open(tmp_path / "project").is_synthetic


def test_a_fault_is_one_line(cli, tmp_path: Path) -> None:
    done = cli("synthesize", "--into", tmp_path / "cells", "--patterns", "mystery")

    assert done.returncode == 1
    assert done.stderr.startswith("error: patterns: mystery cannot be synthesised; choose from")
    assert not (tmp_path / "cells").exists()
