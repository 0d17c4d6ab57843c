from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from cellquery.wavelets import InputSettings, per_image_limits, standardise


def test_limits_of_counts_and_of_the_same_levels_as_floats_agree_to_one_level() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 60, size=(80, 70), dtype=np.uint8)
    exact = np.percentile(counts, (1.0, 99.5))
    np.testing.assert_allclose(per_image_limits(counts), exact, atol=1)


def test_limits_of_16_bit_counts_are_counts() -> None:
    counts = np.linspace(100, 4000, 10_000).astype(np.uint16)
    low, high = per_image_limits(counts)
    assert 100 < low < 160
    assert 3950 < high < 4000


def test_limits_of_a_cell_of_two_levels_still_differ() -> None:
    counts = np.zeros((100, 100), dtype=np.uint8)
    counts[0, 0] = 9
    assert per_image_limits(counts) == (0.0, 9.0)


def test_a_constant_image_becomes_zero() -> None:
    image = np.full((8, 8), 7.0, dtype=np.float32)
    assert not standardise(image, 7.0, 7.0).any()


def test_bright_and_dim_copies_of_a_cell_become_equal() -> None:
    cell = np.random.default_rng(1).integers(0, 80, size=(64, 64)).astype(np.uint8)
    bright = cell * 3
    scaled = [
        standardise(image.astype(np.float32), *per_image_limits(image)) for image in (cell, bright)
    ]
    np.testing.assert_allclose(scaled[0], scaled[1], atol=1e-6)


@pytest.mark.parametrize("values", [{"side_px": 15}, {"wavelet": "bior1.3"}, {"colour": 1}])
def test_settings_that_cannot_work_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InputSettings(**values)
