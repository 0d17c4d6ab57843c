"""The graph that takes raw cells prepares them as `data.prepare` does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cellquery.data.prepare import PreparedCells, prepare_cell
from cellquery.models import Classifier
from cellquery.training import predict
from cellquery.training.raw_cells import RawCells, prepared_cells
from cellquery.wavelets import InputSettings

SIZES = [(60, 70), (112, 112), (301, 97), (8, 9), (33, 250)]


def cell(height: int, width: int, highest: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    random = np.random.default_rng(height * width)
    depth = np.uint8 if highest < 256 else np.uint16
    rows, columns = np.mgrid[:height, :width]
    inside = (2 * rows / height - 1) ** 2 + (2 * columns / width - 1) ** 2 < 0.6
    counts = random.integers(0, highest // 3, (height, width)) + inside * (highest // 2)
    return counts.astype(depth), inside


def tensor(values: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[None, None].to(dtype)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("highest", [120, 255, 3000, 65000])
@pytest.mark.parametrize("mask", ["ignore", "erase", "channel"])
@pytest.mark.parametrize("normalisation", ["per-image", "raw"])
@pytest.mark.parametrize("fit", ["resize", "keep"])
def test_cells_are_prepared_as_the_network_learnt_them(
    size: tuple[int, int], highest: int, mask: Any, normalisation: Any, fit: Any
) -> None:
    settings = InputSettings(fit=fit, mask=mask, normalisation=normalisation)
    counts, inside = cell(*size, highest)
    wanted = prepare_cell(counts, inside if mask != "ignore" else None, settings)
    wanted = wanted.astype(np.float16).astype(np.float32)
    depths = [torch.float32, torch.uint8 if highest < 256 else torch.uint16]
    for depth in depths:
        given = tensor(inside, torch.uint8) if mask != "ignore" else None
        found = prepared_cells(tensor(counts, depth), given, settings)[0].numpy()
        # One step of half precision, where a level lies on the border between two.
        np.testing.assert_allclose(found, wanted, atol=2**-10, rtol=2**-10)
        assert (found != wanted).mean() < 0.002


@pytest.mark.parametrize("bits", [None, 12, 14])
def test_16_bit_counts_are_scaled_by_the_bits_of_the_camera(bits: int | None) -> None:
    settings = InputSettings(normalisation="raw", content_bits=bits)
    for highest in (200, 900, 4000):
        counts = np.full((112, 112), highest, np.uint16)
        counts[0] = 3
        found = prepared_cells(tensor(counts, torch.uint16), None, settings)[0].numpy()
        np.testing.assert_allclose(found, prepare_cell(counts, None, settings), atol=1e-3)


def test_a_cell_of_one_level_is_black_and_a_mask_of_zeros_is_no_mask() -> None:
    settings = InputSettings(mask="erase")
    flat, inside = np.full((20, 30), 7, np.uint8), np.zeros((20, 30), bool)
    given = tensor(inside, torch.uint8)
    assert not prepared_cells(tensor(flat, torch.uint8), given, settings).any()
    counts, _ = cell(20, 30, 255)
    found = prepared_cells(tensor(counts, torch.uint8), given, settings)[0].numpy()
    np.testing.assert_allclose(found, prepare_cell(counts, inside, settings), atol=1e-3)


def test_cells_of_a_batch_do_not_see_each_other() -> None:
    settings = InputSettings(mask="erase")
    cells = [cell(40, 50, highest) for highest in (120, 250)]
    counts, masks = (torch.cat([tensor(each[i], torch.float32) for each in cells]) for i in (0, 1))
    together = prepared_cells(counts, masks, settings)
    for row in range(2):
        alone = prepared_cells(counts[row : row + 1], masks[row : row + 1], settings)
        np.testing.assert_array_equal(together[row], alone[0])


@pytest.mark.parametrize("views", [1, 8])
def test_probabilities_and_embeddings_are_those_of_predicting(views: int) -> None:
    settings = InputSettings(side_px=16, mask="channel", details="magnitude")
    classifier = Classifier.fresh(("golgi", "speckled"), settings, seed=0)
    counts, inside = cell(30, 40, 255)
    prepared = prepare_cell(counts, inside, settings)[None].astype(np.float16)
    wanted = predict(classifier, PreparedCells(np.array(["a"]), prepared), views=views, exact=True)
    with torch.no_grad():
        probabilities, embedding = RawCells(classifier, views).eval()(
            tensor(counts, torch.float32), tensor(inside, torch.float32)
        )
    np.testing.assert_allclose(probabilities, wanted.probabilities, atol=1e-5)
    np.testing.assert_allclose(embedding, wanted.embeddings, atol=1e-4)
