"""`cellquery import` as a process: what a user sees, above all when the input is bad."""

from __future__ import annotations

import csv
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.data import Project

Cli = Callable[..., subprocess.CompletedProcess[str]]
Paint = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, paint: Paint) -> Path:
    """A folder in the contest's layout with four good cells."""
    for number in range(1, 5):
        paint(tmp_path / "source" / "training" / f"{number:05}.png", number)
    (tmp_path / "source" / "gt_training.csv").write_text(
        "Image ID,Image class\n1,Golgi\n2,Golgi\n3,NuMem\n4,NuMem\n"
    )
    return tmp_path / "source"


def test_import_tells_what_came_in(cli: Cli, source: Path, tmp_path: Path) -> None:
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 0, done.stderr
    assert "4 cells imported" in done.stdout
    assert "golgi                   2" in done.stdout
    assert "For Research Use Only" in done.stdout
    assert "specimen of 4 cells is not known" in done.stderr


def _truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1000])


def _huge(path: Path) -> None:
    def chunk(data: bytes) -> bytes:
        return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))

    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"\0" * 1000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(pixels) + chunk(b"IEND"))


def _with_mask_of_another_size(path: Path) -> None:
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(path)
    Image.new("L", (10, 20), 255).save(path.with_name(f"{path.stem}_Mask.png"))


SKIPPED: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncated, "truncated or damaged image"),
    "zero bytes": (lambda path: path.touch(), "empty file, zero bytes"),
    "text": (lambda path: path.write_text("hello"), "not a PNG, TIFF, BMP or JPEG image"),
    "black": (lambda path: Image.new("L", (20, 20)).save(path), "every pixel is black"),
    "1 x 1": (lambda path: Image.new("L", (1, 1)).save(path), "smaller than 8 px a side"),
    "20,000 x 20,000": (_huge, "larger than 4096 px a side"),
    "mask of another size": (
        _with_mask_of_another_size,
        "mask of 10 x 20 px for an image of 20 x 20 px",
    ),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_unusable_image_is_skipped_and_listed(
    cli: Cli, source: Path, tmp_path: Path, case: str
) -> None:
    make, fault = SKIPPED[case]
    make(source / "training" / "00005.png")
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 0, done.stderr
    assert "4 cells imported" in done.stdout
    assert "1 input skipped, listed in" in done.stdout
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("skipped: "))
    assert str(source / "training" / "00005") in line
    assert fault in line
    with (tmp_path / "project" / "faults.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["path"].startswith(str(source / "training" / "00005"))
    assert fault in row["fault"]
    assert row["remedy"]


def test_strict_import_ends_with_status_1_but_keeps_the_good_cells(
    cli: Cli, source: Path, tmp_path: Path
) -> None:
    (source / "training" / "00005.png").touch()
    done = cli("import", source, "--into", tmp_path / "project", "--strict")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("or leave out --strict")
    assert len(Project.open(tmp_path / "project").store()) == 4


def test_missing_file_is_listed_with_the_line_that_names_it(
    cli: Cli, source: Path, tmp_path: Path
) -> None:
    with (source / "gt_training.csv").open("a") as file:
        file.write("00009,Golgi\n")
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 0, done.stderr
    assert "00009.png: no such file, though" in done.stderr
    assert "gt_training.csv line 6 names it" in done.stderr


def test_label_outside_the_class_list_stops_before_anything_is_imported(
    cli: Cli, source: Path, tmp_path: Path
) -> None:
    with (source / "gt_training.csv").open("a") as file:
        file.write("5,Mystery\n")
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {source / 'gt_training.csv'} line 6: pattern 'Mystery' is not in the class list; "
        "correct it, or make it a class of your own with --pattern mystery\n"
    )
    assert not (tmp_path / "project").exists()


def test_id_with_two_labels_stops(cli: Cli, source: Path, tmp_path: Path) -> None:
    with (source / "gt_training.csv").open("a") as file:
        file.write("00003,Golgi\n")
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 1
    assert "gt_training.csv line 6: cell '00003' has pattern 'Golgi' here" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_cell_listed_twice_alike_is_imported_once_and_listed(
    cli: Cli, source: Path, tmp_path: Path
) -> None:
    table = source / "cells.csv"
    table.write_text("path,pattern\n" + "training/00001.png,golgi\n" * 2)
    done = cli("import", table, "--into", tmp_path / "project")
    assert done.returncode == 0, done.stderr
    assert "1 cell imported" in done.stdout
    assert "listed twice, the second time in" in done.stderr
    assert "cells.csv line 3" in done.stderr


def test_16_bit_image_with_12_bit_content_is_imported_and_reported(
    cli: Cli, source: Path, tmp_path: Path, paint: Paint
) -> None:
    paint(source / "training" / "00005.png", highest=4095)
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 0, done.stderr
    assert "1 cells are 16-bit files whose counts need 12 bits" in done.stderr
    manifest = Project.open(tmp_path / "project").manifest()
    assert manifest["content_bits"].to_pylist() == [8, 8, 8, 8, 12]


def test_labels_given_later_are_taken_over_and_counted(
    cli: Cli, source: Path, tmp_path: Path
) -> None:
    images = source / "training"
    cli("import", images, "--into", tmp_path / "project")
    (tmp_path / "ann.csv").write_text("id,pattern,specimen\n1,golgi,s1\n2,NuMem,s2\n")
    command = ("import", images, "--into", tmp_path / "project")
    done = cli(*command, "--annotations", tmp_path / "ann.csv")
    assert done.returncode == 0, done.stderr
    assert (
        "there already: 4 cells\ntaken over: what the source now says of 2 of them" in done.stdout
    )
    manifest = Project.open(tmp_path / "project").manifest()
    assert manifest["pattern"].to_pylist() == ["golgi", "nuclear_membrane", None, None]
    again = cli(*command, "--annotations", tmp_path / "ann.csv")
    assert "taken over" not in again.stdout


def test_unknown_column_leaves_no_project(cli: Cli, source: Path, tmp_path: Path) -> None:
    (source / "cells.csv").write_text("path\ntraining/00001.png\n")
    into = ("--into", tmp_path / "project")
    for arguments in (
        [source / "cells.csv", "--specimen-column", "serum"],
        [source, "--annotations", source / "cells.csv"],
    ):
        done = cli("import", *arguments, *into)
        assert done.returncode == 1
        assert "no column" in done.stderr
        assert not (tmp_path / "project").exists()


def test_changed_image_under_a_known_id_stops_and_nothing_is_lost(
    cli: Cli, source: Path, tmp_path: Path, paint: Paint
) -> None:
    cli("import", source, "--into", tmp_path / "project")
    before = Project.open(tmp_path / "project").manifest()
    paint(source / "training" / "00002.png", 99)
    done = cli("import", source, "--into", tmp_path / "project")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "another image with the id '00002'" in line
    assert "--prefix" in line
    assert Project.open(tmp_path / "project").manifest().equals(before)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["nowhere"], "nowhere: no such folder or file"),
        (["source", "--layout", "mystery"], "layout 'mystery': not known"),
        (["source", "--annotations", "nowhere.csv"], "nowhere.csv: no such file"),
        (["empty"], "empty: no image and no table of images in it"),
    ],
)
def test_mistake_in_the_command_is_one_line_and_status_1(
    cli: Cli, source: Path, tmp_path: Path, arguments: list[str], fault: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = cli("import", *arguments, "--into", "project", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {fault}")
    assert len(done.stderr.splitlines()) == 1


def test_folder_of_other_things_does_not_become_a_project(cli: Cli, source: Path) -> None:
    done = cli("import", source, "--into", source)
    assert done.returncode == 1
    assert "is not empty and no cellquery project" in done.stderr


def test_a_project_is_no_source_of_images(
    cli: Cli, synthetic_project: Path, tmp_path: Path
) -> None:
    done = cli("import", synthetic_project, "--into", tmp_path / "copy")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {synthetic_project}: is a cellquery project, whose images are not files; import "
        "what it was made from\n"
    )
    assert not (tmp_path / "copy").exists()
