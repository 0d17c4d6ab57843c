from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from cellquery.core import InputError
from cellquery.data.readers import ReaderOptions, detect_layout, open_source

Paint = Callable[..., Path]

# Values 1 to 6, Golgi (6) the rarest and nuclear membrane (5) the next.
VALUES = [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6]


@pytest.fixture
def source(tmp_path: Path, paint: Paint) -> Path:
    for number in range(1, 16):
        paint(tmp_path / "cells" / "cells" / f"{number}.png", number)
    savemat(tmp_path / "labels.mat", {"labels": np.array([VALUES], np.uint8)})
    return tmp_path


def test_layout_is_recognised(source: Path) -> None:
    assert detect_layout(source) == "lshep2"


def test_numbers_are_matched_to_labels_by_value_and_not_by_spelling(source: Path) -> None:
    cells = list(open_source(source))
    assert [cell.cell_id for cell in cells] == [str(n) for n in range(1, 16)]
    names = ["", "homogeneous", "speckled", "nucleolar", "centromere", "nuclear_membrane", "golgi"]
    assert [cell.pattern for cell in cells] == [names[value] for value in VALUES]


def test_user_is_told_which_part_of_the_order_is_only_assumed(source: Path) -> None:
    (notice,) = open_source(source).notices
    assert "not documented" in notice
    assert "compare them in the galleries" in notice


def test_order_that_the_class_sizes_contradict_stops_with_the_option(source: Path) -> None:
    savemat(source / "labels.mat", {"labels": np.array([VALUES[::-1]]) * -1 + 7})
    with pytest.raises(InputError, match=r"would not be the smallest.*--label-order"):
        open_source(source)


def test_order_given_by_the_user_is_followed(source: Path) -> None:
    savemat(source / "labels.mat", {"labels": 7 - np.array([VALUES])})
    order = ("golgi", "numem", "centromere", "nucleolar", "speckled", "homogeneous")
    opened = open_source(source, options=ReaderOptions(label_order=order))
    assert [cell.pattern for cell in opened][-1] == "golgi"


def test_order_given_by_the_user_is_followed_with_a_note_when_it_looks_wrong(
    source: Path,
) -> None:
    order = ("golgi", "numem", "centromere", "nucleolar", "speckled", "homogeneous")
    opened = open_source(source, options=ReaderOptions(label_order=order))
    assert "are not the smallest classes" in opened.notices[0]
    assert next(iter(opened)).pattern == "golgi"


def test_value_without_a_pattern_stops(source: Path) -> None:
    savemat(source / "labels.mat", {"labels": np.array([[*VALUES[:-1], 7]])})
    with pytest.raises(InputError, match=r"entry 15 is 7, not 1 to 6"):
        open_source(source)


@pytest.mark.parametrize("value", [2.7, np.nan, np.inf])
def test_value_that_is_no_whole_number_stops(source: Path, value: float) -> None:
    savemat(source / "labels.mat", {"labels": np.array([[*VALUES[:-1], value]])})
    with pytest.raises(InputError, match=rf"labels\.mat: entry 15 is {value}, no whole number"):
        open_source(source)


def test_whole_numbers_may_be_stored_as_floats(source: Path) -> None:
    savemat(source / "labels.mat", {"labels": np.array([VALUES], np.float64)})
    assert [cell.pattern for cell in open_source(source)][-1] == "golgi"


def test_labels_beyond_the_images_are_listed_as_missing_files(source: Path) -> None:
    (source / "cells" / "cells" / "3.png").unlink()
    missing = list(open_source(source))[-1]
    assert missing.path == str(source / "cells" / "cells" / "3.png")
    assert missing.origin == f"{source / 'labels.mat'} entry 3"


def test_images_beyond_the_labels_are_unlabelled(source: Path, paint: Paint) -> None:
    paint(source / "cells" / "cells" / "16.png")
    assert list(open_source(source))[-1].pattern is None


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", b"MATLAB 5.0 MAT-file" + b"\0" * 200])
def test_damaged_labels_are_named(source: Path, content: bytes) -> None:
    (source / "labels.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"labels\.mat: "):
        open_source(source)


def test_missing_variable_is_named(source: Path) -> None:
    savemat(source / "labels.mat", {"other": np.array([1])})
    with pytest.raises(InputError, match="no numeric variable 'labels'"):
        open_source(source)
