from __future__ import annotations

import numpy as np

from cellquery.core import generator, integer_seed


def _draw(*key: str | int) -> tuple[int, ...]:
    seed, *purpose = key
    return tuple(generator(int(seed), *purpose).integers(2**62, size=4))


def test_the_same_seed_and_purpose_give_the_same_numbers() -> None:
    assert _draw(7, "split", 3) == _draw(7, "split", 3)


def test_seeds_purposes_and_their_order_give_different_numbers() -> None:
    keys = [(0,), (0, "a"), (0, "b"), (1, "a"), (0, "a", "b"), (0, "b", "a"), (0, "a", 0)]

    assert len({_draw(*key) for key in keys}) == len(keys)


def test_the_numbers_of_two_purposes_are_not_correlated() -> None:
    first = generator(0, "order").standard_normal(100_000)
    second = generator(0, "weights").standard_normal(100_000)

    # 0.02 is six standard deviations of the correlation of independent draws.
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_a_draw_of_one_purpose_does_not_move_another() -> None:
    undisturbed = _draw(5, "second")
    generator(5, "first").random(1_000)

    assert _draw(5, "second") == undisturbed


def test_the_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that must not move
    generator(0, "anything").random(10)

    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_stream_is_the_one_that_published_runs_used() -> None:
    assert integer_seed(0, "split") == 574512969


def test_an_integer_seed_fits_libraries_that_take_31_bits() -> None:
    seeds = [integer_seed(seed, "purpose") for seed in range(100)]

    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**31 for seed in seeds)
