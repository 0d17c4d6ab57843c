from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellquery.models.handcrafted.remembered import Remembered


class Counting:
    """Says the mean of each cell and notes how many cells it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(
        self, images: NDArray[np.float32], inside: NDArray[np.bool_]
    ) -> list[NDArray[np.float32]]:
        self.asked.append(len(images))
        return [
            np.full(2000, image[mask].mean(), np.float32)
            for image, mask in zip(images, inside, strict=True)
        ]


def cells(n: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    images = np.random.default_rng(0).random((n, 4, 4), dtype=np.float32)
    return images, np.ones(images.shape, dtype=bool)


def test_each_cell_is_computed_once_in_whatever_order_it_is_asked_for() -> None:
    counting = Counting()
    remembered, (images, inside) = Remembered(counting, room_mb=1), cells(6)
    first = remembered(images[:4], inside[:4])
    order = np.array([5, 3, 0, 4])
    again = remembered(images[order], inside[order])
    assert counting.asked == [4, 2]
    np.testing.assert_array_equal(again[1], first[3])
    np.testing.assert_array_equal(again[2], first[0])
    np.testing.assert_allclose(again[0][0], images[5].mean())


def test_another_mask_is_another_cell() -> None:
    counting = Counting()
    remembered, (images, inside) = Remembered(counting, room_mb=1), cells(1)
    remembered(images, inside)
    inside[0, 0, 0] = False
    remembered(images, inside)
    assert counting.asked == [1, 1]


def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    counting = Counting()
    remembered, (images, inside) = Remembered(counting, room_mb=1), cells(200)
    for start in range(0, 200, 50):  # 400 kB each, so two fit
        rows = slice(start, start + 50)
        assert len(remembered(images[rows], inside[rows])) == 50
    remembered(images[100:], inside[100:])
    assert counting.asked == [50] * 4
    remembered(images[:50], inside[:50])
    assert counting.asked == [50] * 5
