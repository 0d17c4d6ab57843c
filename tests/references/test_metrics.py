"""Figures of merit against scikit-learn, and against the paper's own confusion matrices."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from cellquery.metrics import (
    average_classification_accuracy,
    confusion,
    mean_class_accuracy,
    recall,
)


def test_scores_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(5)
    true, predicted = random.integers(0, 6, size=(2, 500))
    matrix = confusion(true, predicted, 6)
    np.testing.assert_array_equal(matrix, confusion_matrix(true, predicted))
    np.testing.assert_allclose(recall(matrix), recall_score(true, predicted, average=None))
    np.testing.assert_allclose(
        mean_class_accuracy(matrix), balanced_accuracy_score(true, predicted)
    )
    assert average_classification_accuracy(matrix) == np.mean(true == predicted)


def test_recalls_quoted_by_the_paper_are_fractions_of_the_test_counts() -> None:
    # Section 3.2 calls 375 Golgi and 814 nuclear membrane cells training instances; the recalls
    # it quotes are exact fractions of these numbers, so they are the test cells.
    for percent, total in ((1.6, 375), (87.47, 375), (1.33, 375), (46.68, 814), (85.50, 814)):
        right = round(percent / 100 * total)
        assert round(100 * right / total, 2) == percent
