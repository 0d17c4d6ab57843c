"""Each pattern shows the sign by which a reader of slides knows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from cellquery.data.synthetic import (
    STAINED_PATTERNS,
    SyntheticCell,
    SyntheticSettings,
    draw_specimen,
    synthesize,
)
from cellquery.data.synthetic.scene import Scene
from cellquery.data.synthetic.staining import stain


@pytest.fixture(scope="module")
def cells_of() -> Callable[[str], list[SyntheticCell]]:
    made: dict[str, list[SyntheticCell]] = {}

    def cells(pattern: str) -> list[SyntheticCell]:
        if pattern not in made:
            made[pattern] = list(synthesize(48, patterns=[pattern], n_specimens=16, seed=6))
        return made[pattern]

    return cells


def depth(cell: SyntheticCell) -> np.ndarray:
    """Distance from the nucleus's edge, in px, positive inside."""
    inside = ndimage.distance_transform_edt(cell.mask)
    return inside - ndimage.distance_transform_edt(~cell.mask)


def light(cell: SyntheticCell) -> np.ndarray:
    """Counts above the background."""
    return cell.pixels.astype(np.float64) - np.percentile(cell.pixels, 2)


def granularity(cell: SyntheticCell) -> float:
    """Contrast of grains of a few pixels, relative to the nucleus's brightness."""
    image, inside = light(cell), depth(cell) > 4
    grains = ndimage.gaussian_filter(image, 0.8) - ndimage.gaussian_filter(image, 3.0)
    return float(grains[inside].std() / image[inside].mean())


def median(values: list[float]) -> float:
    return float(np.median(values))


def test_homogeneous_nuclei_are_filled_evenly(cells_of) -> None:
    cells = cells_of("homogeneous")
    evenness = [light(c)[depth(c) > 4].std() / light(c)[depth(c) > 4].mean() for c in cells]
    contrast = [light(c)[depth(c) > 4].mean() / light(c)[depth(c) < -4].mean() for c in cells]

    assert median(evenness) < 0.25
    assert median(contrast) > 3


def test_speckled_nuclei_are_more_granular_than_homogeneous_ones(cells_of) -> None:
    speckled, homogeneous = (
        median([granularity(cell) for cell in cells_of(pattern)])
        for pattern in ("speckled", "homogeneous")
    )

    assert speckled > 1.2 * homogeneous


def test_coarse_speckles_are_larger_than_fine_ones(cells_of) -> None:
    def grain(cell: SyntheticCell) -> float:
        image, inside = ndimage.gaussian_filter(light(cell), 0.8), depth(cell) > 4
        small = (image - ndimage.gaussian_filter(image, 1.2))[inside].std()
        large = (ndimage.gaussian_filter(image, 1.8) - ndimage.gaussian_filter(image, 4.0))[inside]
        return float(large.std() / small)

    coarse, fine = (
        median([grain(cell) for cell in cells_of(pattern)])
        for pattern in ("coarse_speckled", "fine_speckled")
    )

    assert coarse > 1.1 * fine


def test_nucleolar_nuclei_show_a_few_small_bright_bodies(cells_of) -> None:
    counts, shares = [], []
    for cell in cells_of("nucleolar"):
        smooth = ndimage.gaussian_filter(light(cell), 1.0)
        bright = (smooth > 0.6 * smooth[cell.mask].max()) & cell.mask
        counts.append(ndimage.label(bright)[1])
        shares.append(bright.sum() / cell.mask.sum())

    assert 1 <= median(counts) <= 6
    assert median(shares) < 0.15


def test_centromere_nuclei_show_many_points(cells_of) -> None:
    counts = []
    for cell in cells_of("centromere"):
        smooth = ndimage.gaussian_filter(light(cell), 0.7)
        peaks = (smooth == ndimage.maximum_filter(smooth, 3)) & cell.mask
        counts.append(int((peaks & (smooth > 0.25 * smooth[cell.mask].max())).sum()))

    assert 18 <= median(counts) <= 50  # of 40 to 60, some coincide or are out of focus


def test_centromeres_are_more_granular_than_anything_else(cells_of) -> None:
    found = {
        pattern: median([granularity(cell) for cell in cells_of(pattern)])
        for pattern in STAINED_PATTERNS
        if pattern != "nucleolar"
    }

    assert max(found, key=found.__getitem__) == "centromere"


def test_nuclear_membranes_are_brighter_at_the_rim_than_in_the_centre(cells_of) -> None:
    ratios = [
        light(cell)[np.abs(depth(cell)) <= 2].mean() / light(cell)[depth(cell) > 8].mean()
        for cell in cells_of("nuclear_membrane")
    ]

    assert median(ratios) > 1.15
    assert np.mean(np.array(ratios) > 1) > 0.7


def test_golgi_lies_outside_the_nucleus(cells_of) -> None:
    outside = []
    for cell in cells_of("golgi"):
        brightest = cell.pixels >= np.percentile(cell.pixels, 98)
        outside.append((brightest & ~cell.mask).sum() / brightest.sum())

    assert median(outside) > 0.7


def test_cytoplasmic_cells_have_a_dark_nucleus(cells_of) -> None:
    darker = [
        light(cell)[depth(cell) > 6].mean()
        < light(cell)[(depth(cell) < -1) & (depth(cell) > -6)].mean()
        for cell in cells_of("cytoplasmic")
    ]

    assert np.mean(darker) > 0.9


@pytest.mark.parametrize("pattern", STAINED_PATTERNS)
def test_layers_are_single_floats_and_depend_on_the_specimen_alone(pattern: str) -> None:
    specimen = draw_specimen(SyntheticSettings(patterns=(pattern,), n_specimens=1), 0)
    drawn = []
    for number in range(3):
        rng = np.random.default_rng(number)
        drawn.append(stain(Scene.draw(specimen, rng).site, specimen, rng))

    assert {layer.field.dtype for layers in drawn for layer in layers} == {np.dtype(np.float32)}
    assert len({tuple((x.grain_px, x.height_px) for x in layers) for layers in drawn}) == 1
