from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cellquery.models.handcrafted.binary_patterns import pattern_histograms
from cellquery.models.handcrafted.cooccurrence import (
    DISTANCES_PX,
    PROPERTIES,
    cooccurrence_properties,
)
from cellquery.models.handcrafted.granularity import SIDES_PX, granularity
from cellquery.models.handcrafted.intensity import N_LEVELS, stain_distribution
from cellquery.models.handcrafted.order_gradients import N_DESCRIPTOR, order_gradients
from cellquery.models.handcrafted.place import place_of, window_of
from cellquery.models.handcrafted.regions import THRESHOLDS, region_statistics
from cellquery.models.handcrafted.texture import N_FEATURES, texture_features

Images = NDArray[np.float32]
Masks = NDArray[np.bool_]


def one(image: Images) -> Images:
    return image[None].astype(np.float32)


def everywhere(images: Images) -> Masks:
    return np.ones(images.shape, dtype=bool)


def at(shape: tuple[int, ...], row: int, column: int) -> Masks:
    mask = np.zeros(shape, dtype=bool)
    mask[:, row, column] = True
    return mask


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (3, 8),  # dark, far from the edge: all eight neighbours are as bright
        (8, 8),  # dark, beside the edge: all are as bright or brighter
        (9, 5),  # bright, beside the edge: the three on the dark side are not
        (13, 8),
    ],
)
def test_codes_at_an_edge_are_those_worked_by_hand(column: int, code: int) -> None:
    image = np.zeros((18, 18), np.float32)
    image[:, 9:] = 1
    images = one(image)
    shares = pattern_histograms(images, at(images.shape, 9, column))
    assert shares.shape == (1, 38)
    assert shares[0, :10].tolist() == [float(i == code) for i in range(10)]


def test_a_lone_bright_pixel_has_no_neighbour_as_bright() -> None:
    image = np.zeros((18, 18), np.float32)
    image[9, 9] = 1
    images = one(image)
    shares = pattern_histograms(images, at(images.shape, 9, 9))
    assert shares[0, [0, 10, 20]].tolist() == [1, 1, 1]


def test_stripes_have_the_contrast_worked_by_hand() -> None:
    # Columns of levels 0 and 12 of 24: at distance 1, pairs along rows differ by 12, pairs along
    # columns by nothing, pairs along diagonals by 12.
    side = 16
    image = np.tile(np.array([0.0, 0.5], np.float32), (side, side // 2))
    found = cooccurrence_properties(one(image), everywhere(one(image)))
    found = found.reshape(len(PROPERTIES), len(DISTANCES_PX))
    rows, columns, diagonals = side * (side - 1), side * (side - 1), 2 * (side - 1) ** 2
    share = (rows + diagonals) / (rows + columns + diagonals)
    assert found[PROPERTIES.index("contrast"), 0] == pytest.approx(144 * share, rel=1e-5)
    # At distance 8, diagonal pairs are six columns apart: nothing differs.
    assert found[PROPERTIES.index("contrast"), 3] == 0
    assert found[PROPERTIES.index("correlation"), 3] == pytest.approx(1, rel=1e-5)


def test_pairs_that_leave_the_nucleus_do_not_count() -> None:
    image = np.zeros((12, 12), np.float32)
    image[:, 6:] = 1
    mask = np.zeros((1, 12, 12), dtype=bool)
    mask[:, :, :6] = True
    found = cooccurrence_properties(one(image), mask).reshape(len(PROPERTIES), -1)
    assert (found[PROPERTIES.index("contrast")] == 0).all()


def test_depth_and_distance_of_a_square_nucleus() -> None:
    mask = np.zeros((1, 11, 11), dtype=bool)
    mask[0, 3:8, 3:8] = True
    place = place_of(mask)
    assert place.depth[0, 5, 2:9].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0])
    assert place.distance_px[0, 5, :4].tolist() == [3, 2, 1, 0]
    assert place.distance_px[0, 2, 2] == pytest.approx(2**0.5)


def test_the_window_holds_the_nucleus_and_its_margin() -> None:
    mask = np.zeros((11, 12), dtype=bool)
    mask[3:8, 1:4] = True
    assert window_of(mask, margin=2) == (slice(1, 10), slice(0, 6))
    assert window_of(np.zeros((2, 2), dtype=bool)) == (slice(None), slice(None))


def test_stain_of_a_bright_rim_lies_in_the_outer_shells() -> None:
    rows, columns = np.mgrid[:41, :41] - 20
    radius = np.hypot(rows, columns)
    image, mask = one(np.where(radius > 12, 0.9, 0.1)), (radius <= 16)[None]
    found = stain_distribution(image, mask, place_of(mask))[0]
    levels, moments, percentiles = found[:N_LEVELS], found[12:16], found[16:21]
    shells, bands, side, elongation = found[21:27], found[33:36], found[36], found[37]
    bright = (radius[mask[0]] > 12).mean()
    assert levels[1] == pytest.approx(1 - bright, rel=1e-5)
    assert levels[10] == pytest.approx(bright, rel=1e-5)
    assert moments[0] == pytest.approx(0.1 + 0.8 * bright, rel=1e-5)
    assert percentiles[[0, 4]].tolist() == pytest.approx([0.1, 0.9])
    assert shells[0] == pytest.approx(0.9)
    assert shells[-1] == pytest.approx(0.1)
    assert bands.tolist() == pytest.approx([0.9, 0.9, 0.9], rel=1e-5)
    assert side == pytest.approx(mask.sum() ** 0.5)
    assert elongation < 0.05


def test_openings_take_grains_away_and_closings_holes() -> None:
    image = np.full((32, 32), 0.5, np.float32)
    image[8, 8], image[20, 20] = 1.0, 0.0
    image[12:17, 22:27] = 0.9  # five wide: stays under an opening of three, not of seven
    found = granularity(one(image), everywhere(one(image)))[0, : 2 * len(SIDES_PX)] * 32 * 32
    assert found.tolist() == pytest.approx([0.5, 0.5 + 25 * 0.4, 0.5, 0.5], rel=1e-3)


def test_regions_are_counted_and_measured() -> None:
    image = np.zeros((32, 32), np.float32)
    image[4:8, 4:8] = 0.9  # sixteen pixels
    image[20:22, 20:24] = 0.4  # eight
    image[28, 28] = 1.0  # too small to count
    images = one(image)
    inside = everywhere(images)
    found = region_statistics(images, inside, place_of(inside))
    figures = found.reshape(len(THRESHOLDS), 2, 6)
    low, high = figures[0, 0], figures[-1, 0]
    assert np.expm1(low[0]) == pytest.approx(2)
    assert low[1:4].tolist() == pytest.approx([12 / 1024, 16 / 1024, 24 / 1024])
    assert np.expm1(high[0]) == pytest.approx(1)
    assert high[1:4].tolist() == pytest.approx([16 / 1024] * 3)
    dark = figures[0, 1]
    assert np.expm1(dark[0]) == pytest.approx(1)
    assert dark[3] == pytest.approx((1024 - 25) / 1024)


def test_descriptors_lie_in_and_round_the_nucleus() -> None:
    images = np.random.default_rng(0).random((2, 40, 40), dtype=np.float32)
    inside = np.zeros((2, 40, 40), dtype=bool)
    inside[0, 15:25, 15:25] = True
    found = order_gradients(images, inside)
    assert 20 < len(found[0]) < 14 * 14
    assert found[1].shape == (1, N_DESCRIPTOR)
    for part in np.split(found[0], [24, 56], axis=1):
        np.testing.assert_allclose((part**2).sum(axis=1), 1, rtol=1e-5)


def test_on_a_cone_all_gradients_point_inward() -> None:
    rows, columns = np.mgrid[:31, :31] - 15
    image = one(1 - np.hypot(rows, columns) / 30)
    found = order_gradients(image, at(image.shape, 0, 0) & False)[0]
    assert len(found) == 1  # no nucleus: the middle alone
    outermost = found[0, 56:].reshape(6, 8) ** 2
    # Direction 4 of 8 is half a turn from outward.
    assert outermost[:, 4].sum() > 0.95


@pytest.mark.parametrize("kind", ["empty mask", "flat", "black", "one pixel", "all nucleus"])
def test_odd_cells_have_finite_features(kind: str) -> None:
    images = np.random.default_rng(0).random((1, 24, 24), dtype=np.float32)
    inside = everywhere(images)
    if kind == "empty mask":
        inside[:] = False
    elif kind == "one pixel":
        inside = at(images.shape, 3, 4)
    elif kind in ("flat", "black"):
        images[:] = 0.5 if kind == "flat" else 0
    found = texture_features(images, inside)
    assert found.shape == (1, N_FEATURES)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.isfinite(order_gradients(images, inside)[0]).all()
