from __future__ import annotations

import re

import numpy as np
import pytest

from cellquery.core import SettingsError
from cellquery.reports.wavelet_figure import wavelet_figure

CELL = np.random.default_rng(0).integers(0, 50, (70, 62), dtype=np.uint8)


def _words(**choices: object) -> str:
    plate = wavelet_figure(CELL, title="Cell 7", **choices)
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", plate.render().decode()))


def test_titles_say_which_axis_is_high_passed() -> None:
    words = _words()
    assert "high-passed along the height: horizontal edges" in words
    assert "high-passed along the width: vertical edges" in words
    assert "high-passed along both axes" in words
    assert "low-passed along both axes" in words


def test_the_original_size_and_the_scales_are_stated() -> None:
    words = _words()
    assert "image of 70 × 62 px" in words
    assert "112 × 112 px" in words
    assert "share one scale" in words


def test_the_kind_of_sum_and_the_wavelet_are_named() -> None:
    assert "Sum H + V + D" in _words()
    assert "Sum |H| + |V| + |D|" in _words(details="magnitude")
    assert "db2 wavelet" in _words(wavelet="db2")


def test_a_synthetic_cell_is_called_so() -> None:
    assert "SYNTHETIC CELL" in _words(synthetic=True)
    assert "SYNTHETIC" not in _words()


@pytest.mark.parametrize("choice", [{"wavelet": "bior2.2"}, {"details": "squared"}])
def test_an_unknown_wavelet_or_sum_is_refused(choice: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        wavelet_figure(CELL, title="", **choice)
