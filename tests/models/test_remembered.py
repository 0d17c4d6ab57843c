from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellquery.models.remembered import Remembered


class Counting:
    """Remembers the mean of each cell and notes how many it had to compute."""

    def __init__(self) -> None:
        self.remembered = Remembered(room_mb=1)
        self.computed: list[int] = []

    def __call__(self, images: Tensor, maker: bytes = b"") -> list[NDArray[np.floating]]:
        def compute(rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
            self.computed.append(len(rows))
            return [np.full(2000, each.mean(), np.float32) for each in images[rows].numpy()]

        return self.remembered(images, compute, maker)


def cells(n: int) -> Tensor:
    return torch.rand(n, 2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_each_cell_is_computed_once_in_whatever_order_it_is_asked_for() -> None:
    counting, images = Counting(), cells(6)
    first = counting(images[:4])
    again = counting(images[[5, 3, 0, 4]])
    assert counting.computed == [4, 2]
    np.testing.assert_array_equal(again[1], first[3])
    np.testing.assert_array_equal(again[2], first[0])
    np.testing.assert_allclose(again[0][0], images[5].mean(), rtol=1e-6)


def test_another_mask_or_another_maker_is_another_result() -> None:
    counting, images = Counting(), cells(1)
    counting(images)
    images[0, 1, 0, 0] += 1
    counting(images)
    counting(images, b"other weights")
    counting(images)
    assert counting.computed == [1, 1, 1]


def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    counting, images = Counting(), cells(200)
    for start in range(0, 200, 50):  # 400 kB each, so two fit
        assert len(counting(images[start : start + 50])) == 50
    counting(images[100:])
    assert counting.computed == [50] * 4
    counting(images[:50])
    assert counting.computed == [50] * 5


def test_remembered_results_are_counted_with_the_time_they_took() -> None:
    remembered, images, before = Remembered(room_mb=1), cells(2), Remembered.spared_s

    def slow(rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        time.sleep(0.02)
        return [np.zeros(1, np.float32) for _ in rows]

    remembered(images, slow)
    assert Remembered.spared_s == before
    remembered(images, slow)
    assert 0.02 <= Remembered.spared_s - before < 5
