from __future__ import annotations

import numpy as np
import pytest

from cellquery.core import CellqueryError
from cellquery.metrics import calibration_error, evaluate, mean_class_accuracy, recall, reliability


def certain(labels: list[int], n_patterns: int = 3) -> np.ndarray:
    """Probabilities that put everything on these patterns."""
    return np.eye(n_patterns, dtype=np.float32)[labels]


def test_figures_of_a_small_case_worked_by_hand() -> None:
    evaluation = evaluate(
        np.array([0, 0, 0, 0, 1, 1]), certain([0, 0, 0, 1, 1, 0]), ("a", "b", "c"), n_resamples=50
    )
    assert evaluation.aca == pytest.approx(4 / 6)
    assert evaluation.mca == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert evaluation.recall == {"a": 0.75, "b": 0.5, "c": None}
    assert evaluation.confusion == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert evaluation.ece == pytest.approx(2 / 6)
    assert evaluation.interval_unit == "cell"
    assert "recall:c" not in evaluation.intervals


def test_a_pattern_without_cells_does_not_lower_mca() -> None:
    matrix = np.array([[4, 0, 0], [0, 2, 0], [0, 0, 0]])
    assert mean_class_accuracy(matrix) == 1.0
    assert np.isnan(recall(matrix)[2])


def test_intervals_widen_when_whole_specimens_are_resampled() -> None:
    random = np.random.default_rng(0)
    specimens = np.repeat([f"s{i}" for i in range(12)], 40)
    right = np.repeat(random.random(12) < 0.7, 40)
    true = np.zeros(len(specimens), dtype=np.int64)
    probabilities = certain([0 if r else 1 for r in right])
    by_cell = evaluate(true, probabilities, "abc").intervals["aca"]
    by_specimen = evaluate(true, probabilities, "abc", specimens=list(specimens))
    low, high = by_specimen.intervals["aca"]
    assert high - low > 3 * (by_cell[1] - by_cell[0])
    assert by_specimen.interval_unit == "specimen"
    assert low <= by_specimen.aca <= high


def test_one_unknown_specimen_makes_cells_the_unit() -> None:
    evaluation = evaluate(
        np.array([0, 1]), certain([0, 1]), "abc", specimens=["s1", None], n_resamples=20
    )
    assert evaluation.interval_unit == "cell"
    assert evaluation.specimen_vote is None


def test_a_specimen_is_named_by_the_mean_of_its_cells() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8]], dtype=np.float32)
    evaluation = evaluate(
        np.array([0, 0, 0, 1]), probabilities, "ab", specimens=["s", "s", "s", "t"], n_resamples=20
    )
    assert evaluation.specimen_vote is not None
    assert (evaluation.specimen_vote.n_right, evaluation.specimen_vote.n_specimens) == (2, 2)
    assert evaluation.mca == pytest.approx((1 / 3 + 1) / 2)
    assert evaluation.specimen_vote.mca == 1.0


def test_a_specimen_named_wrongly_takes_all_of_its_cells_with_it() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]], dtype=np.float32)
    evaluation = evaluate(
        np.array([0, 0, 0, 1]), probabilities, "ab", specimens=["s", "s", "s", "t"], n_resamples=20
    )
    assert evaluation.specimen_vote is not None
    assert evaluation.specimen_vote.mca == 0.5


def test_the_same_seed_gives_the_same_intervals() -> None:
    true = np.array([0, 1, 2, 0, 1, 2])
    probabilities = certain([0, 1, 1, 0, 2, 2])
    first = evaluate(true, probabilities, "abc", n_resamples=100, seed=4)
    assert evaluate(true, probabilities, "abc", n_resamples=100, seed=4) == first


def test_a_calibrated_network_has_no_calibration_error() -> None:
    confidence = np.full(1000, 0.8)
    right = np.arange(1000) % 5 != 0
    assert calibration_error(confidence, right) == pytest.approx(0, abs=1e-12)
    (only,) = reliability(confidence, right)
    assert (only.count, only.accuracy) == (1000, 0.8)


def test_certainty_falls_into_the_last_bin() -> None:
    (only,) = reliability(np.ones(3), np.array([True, True, False]))
    assert only.count == 3


def test_nothing_to_judge_is_said() -> None:
    with pytest.raises(CellqueryError, match="no labelled cells"):
        evaluate(np.array([], dtype=np.int64), certain([]), "abc")


def test_a_pattern_of_one_specimen_has_no_interval() -> None:
    true = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.eye(2)[[0, 1, 0, 1, 1, 0]]
    specimens = ["a", "a", "b", "c", "c", "c"]
    intervals = evaluate(true, probabilities, ("x", "y"), specimens=specimens).intervals
    assert "recall:x" in intervals
    assert "recall:y" not in intervals
    assert "mca" not in intervals
    assert {"recall:y", "mca"} <= set(evaluate(true, probabilities, ("x", "y")).intervals)


def test_resamples_without_a_pattern_say_nothing_of_the_mean_over_patterns() -> None:
    # Eight specimens of x named rightly, two of y named wrongly: a tenth of the resamples lack y.
    true = np.repeat([0] * 8 + [1] * 2, 5)
    specimens = list(np.repeat([f"s{i}" for i in range(10)], 5))
    evaluation = evaluate(true, certain([0] * 50, 2), "xy", specimens=specimens)
    assert evaluation.mca == 0.5
    assert evaluation.intervals["mca"] == (0.5, 0.5)


def test_the_interval_of_the_calibration_error_is_not_above_it() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 400)
    right = random.random(400) < confidence
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    true = np.where(right, 0, 1)
    evaluation = evaluate(true, probabilities, "xy")
    low, high = evaluation.intervals["ece"]
    assert 0 <= low < evaluation.ece < high
