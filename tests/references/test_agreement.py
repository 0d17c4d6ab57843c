"""Kappas against values worked by hand or printed."""

from __future__ import annotations

import numpy as np
import pytest

from cellquery.metrics import (
    bootstrap_interval,
    cohen_kappa,
    cohen_kappa_interval,
    fleiss_kappa,
)

# Ten subjects, fourteen readers, five categories: the worked example of the article "Fleiss' kappa"
# in Wikipedia, kappa 0.210.
EXAMPLE = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def test_fleiss_kappa_is_that_of_the_printed_example() -> None:
    assert fleiss_kappa(EXAMPLE) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_of_two_readers_is_scotts_pi() -> None:
    first, second = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    counts = np.stack([(first == k).astype(int) + (second == k) for k in range(2)], axis=1)
    shares = counts.sum(axis=0) / 10
    chance = (shares**2).sum()
    assert fleiss_kappa(counts) == pytest.approx(((first == second).mean() - chance) / (1 - chance))


@pytest.mark.parametrize(
    "counts", [np.zeros((0, 3), int), np.array([[2, 0], [1, 0]]), np.eye(3, dtype=int)]
)
def test_unequal_readers_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="same number of readers"):
        fleiss_kappa(counts)


def test_perfect_agreement_is_one_even_on_one_pattern() -> None:
    assert cohen_kappa(np.zeros(4, int), np.zeros(4, int)) == 1.0
    assert fleiss_kappa(np.array([[2, 0], [2, 0]])) == 1.0


def test_the_bootstrap_interval_covers_the_truth_as_often_as_it_says() -> None:
    random, covered, n_trials = np.random.default_rng(0), 0, 100
    for _ in range(n_trials):
        right = random.random(200) < 0.8
        low, high = bootstrap_interval(lambda rows, r=right: float(r[rows].mean()), 200, random)
        covered += low <= 0.8 <= high
    assert covered >= 0.9 * n_trials


def test_the_interval_of_cohens_kappa_is_that_of_resampled_cells() -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 3, 150)
    second = np.where(random.random(150) < 0.7, first, random.integers(0, 3, 150))
    table = np.zeros((4, 4), dtype=np.int64)
    np.add.at(table, (first, second), 1)

    cells = bootstrap_interval(lambda rows: cohen_kappa(first[rows], second[rows]), 150, random)

    assert cohen_kappa_interval(table, random) == pytest.approx(cells, abs=0.02)


def test_the_interval_of_cohens_kappa_where_all_agree_is_one() -> None:
    for table in (np.diag([3, 0]), np.diag([3, 2])):
        assert cohen_kappa_interval(table, np.random.default_rng(0)) == (1.0, 1.0)
