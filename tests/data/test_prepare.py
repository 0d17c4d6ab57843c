from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.core import ProjectError
from cellquery.data import Project
from cellquery.data.prepare import inputs_for, prepare, prepare_cell
from cellquery.data.synthetic import into_project, synthetic_settings
from cellquery.wavelets import InputSettings


def counts(height: int = 60, width: int = 80, dtype: type = np.uint8) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 64, size=(height, width)).astype(dtype)


def test_resizing_is_bicubic_to_the_square() -> None:
    pixels = counts()
    prepared = prepare_cell(pixels, None, InputSettings(normalisation="raw"))
    expected = Image.fromarray(pixels.astype(np.float32) / 255).resize(
        (112, 112), Image.Resampling.BICUBIC
    )
    assert prepared.shape == (1, 112, 112)
    np.testing.assert_allclose(prepared[0], np.asarray(expected), atol=1e-6)


def test_keeping_the_scale_leaves_pixels_and_size_visible() -> None:
    pixels = counts(60, 80)
    prepared = prepare_cell(pixels, None, InputSettings(normalisation="raw", fit="keep"))[0]
    np.testing.assert_allclose(prepared[26:86, 16:96], pixels / np.float32(255), atol=1e-6)
    assert not prepared[:26].any()
    assert not prepared[:, :16].any()


def test_a_cell_larger_than_the_square_is_shrunk_to_fit() -> None:
    prepared = prepare_cell(
        counts(300, 150) + 1, None, InputSettings(normalisation="raw", fit="keep")
    )[0]
    filled = prepared > 0
    assert filled.any(axis=1).sum() == 112
    assert filled.any(axis=0).sum() == 56


def test_erasing_leaves_the_nucleus_alone_and_scales_by_it() -> None:
    pixels = counts()
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[20:40, 20:60] = True
    pixels[~mask] = 200
    settings = InputSettings(mask="erase", fit="keep")
    prepared = prepare_cell(pixels, mask, settings)[0]
    square = np.zeros((112, 112), dtype=bool)
    square[26:86, 16:96] = mask
    assert not prepared[~square].any()
    assert 0.9 < prepared[square].max() <= 1.1


def test_the_mask_can_be_a_channel_and_a_missing_one_is_all_nucleus() -> None:
    settings = InputSettings(mask="channel", fit="keep")
    mask = np.zeros((60, 80), dtype=bool)
    mask[:30] = True
    with_mask = prepare_cell(counts(), mask, settings)
    without = prepare_cell(counts(), None, settings)
    assert with_mask.shape == without.shape == (2, 112, 112)
    assert with_mask[1].sum() == mask.sum()
    assert without[1].sum() == 60 * 80


@pytest.mark.parametrize(("bits", "full"), [(None, 4095), (14, 16383)])
def test_16_bit_counts_are_scaled_by_the_bits_they_use(bits: int | None, full: int) -> None:
    pixels = np.full((112, 112), 100, dtype=np.uint16)
    pixels[0, 0] = 4000
    settings = InputSettings(normalisation="raw", content_bits=bits)
    assert prepare_cell(pixels, None, settings)[0, 50, 50] == pytest.approx(100 / full)


def test_a_store_is_prepared_in_the_order_asked_for(synthetic_project: Path) -> None:
    store = Project.open(synthetic_project).store()
    ids = store.ids[:5]
    settings = InputSettings()
    forward, backward = prepare(store, ids, settings), prepare(store, ids[::-1], settings)
    assert forward.images.dtype == np.float16
    np.testing.assert_array_equal(forward.images, backward.images[::-1])
    np.testing.assert_array_equal(forward.take([ids[3]]).images[0], forward.images[3])


def test_half_precision_holds_8_bit_levels(synthetic_project: Path) -> None:
    store = Project.open(synthetic_project).store()
    cell_id = store.ids[0]
    settings = InputSettings(normalisation="raw", fit="keep")
    image = prepare(store, [cell_id], settings).images[0, 0]
    levels = np.rint(image.astype(np.float32) * 255)
    assert sorted(set(levels[levels > 0])) == sorted(set(store.pixels(cell_id).ravel()) - {0})


def test_the_brightest_16_bit_cell_of_a_project_sets_the_scale_of_all(tmp_path: Path) -> None:
    project = into_project(12, synthetic_settings(n_specimens=6, bit_depth=16), tmp_path / "deep")
    assert inputs_for(project, InputSettings()).content_bits == 12


def test_8_bit_projects_need_no_scale(synthetic_project: Path) -> None:
    settings = InputSettings()
    assert inputs_for(Project.open(synthetic_project), settings) == settings


def test_cells_prepared_on_disk_are_those_prepared_in_memory(
    synthetic_project: Path, tmp_path: Path
) -> None:
    store, settings = Project.open(synthetic_project).store(), InputSettings(side_px=32)
    in_memory = prepare(store, store.ids[:9], settings)
    on_disk = prepare(store, store.ids[:9], settings, folder=tmp_path)
    assert on_disk.ids.tolist() == in_memory.ids.tolist()
    assert np.array_equal(on_disk.images, in_memory.images)
    assert not list(tmp_path.iterdir())
    assert not len(prepare(store, [], settings, folder=tmp_path))


def test_a_disk_too_small_for_the_prepared_cells_is_named(
    synthetic_project: Path, mount_disk: Callable[[int], Path]
) -> None:
    store, settings = Project.open(synthetic_project).store(), InputSettings(side_px=112)
    with pytest.raises(ProjectError, match="disk: the disk or the quota is full; free some space"):
        prepare(store, store.ids[:9], settings, folder=mount_disk(100_000))
