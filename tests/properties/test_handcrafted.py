from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from cellquery.models.fisher_svm import FisherSvm
from cellquery.models.handcrafted.order_gradients import order_gradients
from cellquery.models.handcrafted.texture import texture_features
from cellquery.models.texture_svm import TextureSvm

Image, Mask = NDArray[np.float32], NDArray[np.bool_]


@st.composite
def a_cell(draw: st.DrawFn) -> tuple[Image, Mask]:
    """A cell of smooth random texture, so that no two pixels are equal, in an odd nucleus."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    side = draw(st.integers(24, 41))
    image = ndimage.gaussian_filter(random.random((side, side)), draw(st.floats(0.6, 3)))
    image = (image - image.min()) / np.ptp(image)
    rows, columns = np.mgrid[:side, :side]
    centre, axes = random.uniform(0.4, 0.6, 2) * side, random.uniform(0.2, 0.45, 2) * side
    mask = ((rows - centre[0]) / axes[0]) ** 2 + ((columns - centre[1]) / axes[1]) ** 2 < 1
    return image.astype(np.float32), mask


@settings(deadline=None, max_examples=25)
@given(a_cell(), st.integers(1, 3))
def test_quarter_turns_change_no_texture_feature(cell: tuple[Image, Mask], turns: int) -> None:
    image, mask = cell
    before = texture_features(image[None], mask[None])
    turned = [np.ascontiguousarray(np.rot90(each, turns))[None] for each in (image, mask)]
    after = texture_features(turned[0], turned[1])
    # A comparison of two nearly equal levels may fall the other way: one pixel of the nucleus.
    np.testing.assert_allclose(after, before, atol=2.5 / mask.sum(), rtol=2e-3)


@settings(deadline=None, max_examples=25)
@given(a_cell(), st.integers(0, 3), st.integers(1, 20), st.integers(-16, 16))
def test_neither_turns_nor_brightness_change_descriptors(
    cell: tuple[Image, Mask], turns: int, quarters: int, sixteenths: int
) -> None:
    image, mask = cell
    # Levels of 16 bits and numbers of a few: their products and sums are exact in single precision,
    # so that it is the same image but for its brightness.
    image = np.round(image * 65535).astype(np.float32) / np.float32(65536)
    factor, shift = quarters / 4, sixteenths / 16
    (before,) = order_gradients(image[None], mask[None])
    turned = np.ascontiguousarray(np.rot90(image * np.float32(factor) + np.float32(shift), turns))
    (after,) = order_gradients(turned[None], np.ascontiguousarray(np.rot90(mask, turns))[None])
    assert len(after) == len(before)
    np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose((after @ after.T).sum(), (before @ before.T).sum(), rtol=1e-5)


@settings(deadline=None, max_examples=5)
@given(a_cell(), st.integers(1, 3), st.integers(0, 1000))
def test_quarter_turns_hardly_change_logits(
    cell: tuple[Image, Mask], turns: int, seed: int
) -> None:
    image, mask = cell
    images = torch.from_numpy(np.stack([image, mask])[None].astype(np.float32))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for network in (TextureSvm(3, 2), FisherSvm(3, 2, n_words=4, n_components=6)):
            before = network.finish(images)
            after = network.finish(torch.rot90(images, turns, (2, 3)))
            torch.testing.assert_close(after.logits, before.logits, atol=2e-2, rtol=0)
            assert before.embedding.shape == (1, network.n_embedding)
