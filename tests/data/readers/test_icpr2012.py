from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.data import Project, import_cells
from cellquery.data.readers import detect_layout, open_source

Paint = Callable[..., Path]


def green(path: Path, seed: int) -> None:
    counts = np.zeros((20, 24, 3), np.uint8)
    counts[:, :, 1] = np.random.default_rng(seed).integers(0, 256, (20, 24))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(counts).save(path)


@pytest.fixture
def contest(tmp_path: Path, paint: Paint) -> Path:
    """Two folders that number their cells from 001, each with its two tables."""
    root = tmp_path / "source"
    for part in ("training", "test"):
        for number in (1, 2):
            green(root / part / f"{number:03}.png", number)
            paint(root / part / f"{number:03}_mask.png", number)
    (root / "gt_training.csv").write_text("ID;pattern\n1;fine_speckled\n2;cytoplasmatic\n")
    (root / "gt_test.csv").write_text("ID;pattern\n1;coarse_speckled\n2;centromere\n")
    (root / "info_training.csv").write_text("ID;image;intensity\n1;3;positive\n2;28;intermediate\n")
    return root


def test_contest_folder_is_recognised(contest: Path) -> None:
    assert detect_layout(contest) == "icpr2012"


def test_cells_have_pattern_image_intensity_mask_and_part(contest: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    import_cells(contest, project)
    manifest = project.manifest()
    columns = ("cell_id", "pattern", "specimen", "intensity", "channels", "mask")
    assert [tuple(row[name] for name in columns) for row in manifest.to_pylist()] == [
        ("test/001", "coarse_speckled", None, None, 3, True),
        ("test/002", "centromere", None, None, 3, True),
        ("training/001", "fine_speckled", "3", "positive", 3, True),
        ("training/002", "cytoplasmic", "28", "intermediate", 3, True),
    ]
    split = project.split("source")
    assert list(split["train"]) == ["training/001", "training/002"]
    assert list(split["test"]) == ["test/001", "test/002"]


def test_single_folder_keeps_the_plain_numbers(contest: Path) -> None:
    training = contest / "training"
    (contest / "gt_training.csv").rename(training / "gt.csv")
    cells = list(open_source(training))
    assert [(cell.cell_id, cell.pattern) for cell in cells] == [
        ("001", "fine_speckled"),
        ("002", "cytoplasmatic"),
    ]


def test_speckled_patterns_merge_when_asked(contest: Path, tmp_path: Path) -> None:
    from cellquery.data.labelling import Labelling

    project = Project.create(tmp_path / "project")
    import_cells(contest, project, labelling=Labelling(merge_speckled=True))
    assert project.patterns == ("speckled", "centromere", "cytoplasmic")
