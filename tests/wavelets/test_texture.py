"""What an image looks like before any network has learnt."""

from __future__ import annotations

import numpy as np
import pytest

from cellquery.wavelets import texture


def images(n: int = 6, side: int = 16) -> np.ndarray:
    return np.random.default_rng(0).random((n, 1, side, side)).astype(np.float16)


def test_quarter_turns_and_flips_change_nothing() -> None:
    one = images()
    turned = np.concatenate([one, np.rot90(one, axes=(-2, -1)), one[..., ::-1]])
    first, second, third = np.split(texture(turned), 3)
    assert np.allclose(first, second, atol=1e-3)
    assert np.allclose(first, third, atol=1e-3)


def test_fine_and_coarse_grains_of_one_brightness_and_contrast_are_told_apart() -> None:
    fine = np.tile(np.kron([[0, 1], [1, 0]], np.ones((1, 1))), (8, 8))
    coarse = np.kron(np.tile([[0, 1], [1, 0]], (2, 2)), np.ones((4, 4)))
    assert fine.mean() == coarse.mean()
    one, two, three = texture(np.stack([fine, coarse, fine.T])[:, None])
    assert np.linalg.norm(one - two) > 2
    assert np.allclose(one, three, atol=1e-3)


@pytest.mark.parametrize(("side", "columns"), [(112, 10), (16, 10), (6, 4)])
def test_levels_go_as_far_as_sides_are_even(side: int, columns: int) -> None:
    values = texture(images(side=side))
    assert values.shape == (6, columns)
    assert np.allclose(values.mean(axis=0), 0, atol=1e-4)
