from __future__ import annotations

import numpy as np
import pytest

from cellquery.core import SettingsError
from cellquery.data.synthetic import (
    STAINED_PATTERNS,
    SyntheticCell,
    SyntheticSettings,
    draw_specimen,
    synthesize,
    synthetic_cell,
)


def same(one: SyntheticCell, other: SyntheticCell) -> bool:
    return (
        (one.cell_id, one.pattern, one.specimen, one.intensity)
        == (other.cell_id, other.pattern, other.specimen, other.intensity)
        and np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.mask, other.mask)
    )


@pytest.fixture(scope="module")
def cells() -> list[SyntheticCell]:
    return list(synthesize(144, patterns=STAINED_PATTERNS, n_specimens=36, seed=4))


def test_the_same_seed_makes_the_same_cells() -> None:
    one, other = (list(synthesize(12, n_specimens=6, seed=9)) for _ in range(2))

    assert all(map(same, one, other))


def test_another_seed_makes_other_cells() -> None:
    one, other = (next(synthesize(1, n_specimens=6, seed=seed)) for seed in (0, 1))

    assert not np.array_equal(one.pixels, other.pixels)


def test_two_cells_of_a_specimen_differ() -> None:
    one, other = synthesize(2, patterns=["golgi"], n_specimens=1)

    assert not np.array_equal(one.pixels, other.pixels)


def test_a_cell_can_be_made_without_the_others() -> None:
    whole = list(synthesize(48, n_specimens=12, seed=2))
    settings = SyntheticSettings(n_specimens=12, seed=2)

    assert same(whole[4 * 7 + 3], synthetic_cell(settings, 7, 3))


def test_more_cells_and_more_specimens_leave_the_first_as_they_were() -> None:
    few = {cell.cell_id: cell for cell in synthesize(12, n_specimens=6, seed=3)}
    many = {cell.cell_id: cell for cell in synthesize(60, n_specimens=12, seed=3)}

    assert all(same(cell, many[cell_id]) for cell_id, cell in few.items())


def test_ids_are_unique(cells: list[SyntheticCell]) -> None:
    assert len({cell.cell_id for cell in cells}) == len(cells)


def test_a_specimen_has_one_pattern_and_one_intensity(cells: list[SyntheticCell]) -> None:
    known = {(cell.specimen, cell.pattern, cell.intensity) for cell in cells}

    assert len(known) == len({cell.specimen for cell in cells}) == 36


def test_every_pattern_comes_at_both_intensities(cells: list[SyntheticCell]) -> None:
    assert len({(cell.pattern, cell.intensity) for cell in cells}) == 2 * len(STAINED_PATTERNS)


def test_crops_are_as_large_as_those_of_the_contest(cells: list[SyntheticCell]) -> None:
    sides = np.array([cell.pixels.shape for cell in cells])

    assert sides.min() >= 52
    assert sides.max() <= 112
    assert 64 <= np.median(sides) <= 74


def test_the_mask_lies_ten_pixels_inside_the_crop(cells: list[SyntheticCell]) -> None:
    margins = []
    for cell in cells:
        assert cell.mask.shape == cell.pixels.shape
        rows, columns = np.nonzero(cell.mask)
        height, width = cell.mask.shape
        margins.append(
            [rows.min(), height - 1 - rows.max(), columns.min(), width - 1 - columns.max()]
        )

    assert np.max(margins) == 10
    assert np.min(margins) >= 1  # some nuclei lie near the edge of the field
    assert np.mean(np.array(margins) == 10) > 0.97


def test_nuclei_have_the_size_of_real_ones(cells: list[SyntheticCell]) -> None:
    areas = [cell.mask.sum() for cell in cells]

    assert min(areas) > 1000
    assert 1600 < np.median(areas) < 2000


def test_positive_specimens_are_brighter_than_intermediate_ones(
    cells: list[SyntheticCell],
) -> None:
    def peak(intensity: str) -> float:
        chosen = [cell.pixels for cell in cells if cell.intensity == intensity]
        return float(np.median([np.percentile(p, 99.5) - np.percentile(p, 5) for p in chosen]))

    assert peak("positive") > 2 * peak("intermediate")


def test_most_cells_are_as_dark_as_real_ones() -> None:
    dark = [cell.pixels.max() < 64 for cell in synthesize(288, n_specimens=72, seed=5)]

    assert 0.45 < np.mean(dark) < 0.7  # 0.57 in I3A


def test_eight_bits_are_the_default(cells: list[SyntheticCell]) -> None:
    assert {cell.pixels.dtype for cell in cells} == {np.dtype(np.uint8)}


def test_sixteen_bits_hold_twelve() -> None:
    cells = list(synthesize(24, n_specimens=12, bit_depth=16))
    highest = max(int(cell.pixels.max()) for cell in cells)

    assert {cell.pixels.dtype for cell in cells} == {np.dtype(np.uint16)}
    assert 255 < highest <= 4095


def test_without_spread_specimens_of_a_pattern_and_an_intensity_are_alike() -> None:
    settings = SyntheticSettings(patterns=("golgi",), n_specimens=4, spread=0.0)
    one, other = draw_specimen(settings, 0), draw_specimen(settings, 2)

    assert (one.brightness, one.focus, one.grain) == (other.brightness, other.focus, other.grain)


@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        ({"patterns": ["mystery"]}, "mystery cannot be synthesised"),
        ({"patterns": []}, "none cannot be synthesised"),
        ({"n_specimens": 3}, "3 cannot show 6 patterns"),
        ({"bit_depth": 12}, "8 or 16"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"spread": 2.0}, "less than or equal to 1"),
    ],
)
def test_an_impossible_setting_is_refused_in_a_line(choices: dict, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        synthesize(10, **choices)


def test_patterns_are_known_by_any_spelling() -> None:
    (cell,) = synthesize(1, patterns=["NuMem"], n_specimens=1)

    assert cell.pattern == "nuclear_membrane"
