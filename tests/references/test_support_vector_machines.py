"""What is kept as arrays decides as scikit-learn's and scikit-image's own objects do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from skimage.feature import fisher_vector, learn_gmm
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.models.handcrafted.fisher import Vocabulary, fisher_vectors
from cellquery.models.handcrafted.texture import texture_features
from cellquery.models.svm import (
    Decide,
    fitted_factor,
    learn_kernel_machine,
    learn_linear_machine,
    softmax_factor,
)
from cellquery.training import LabelledCells, TrainSettings, fit, predict

PATTERNS = ("homogeneous", "speckled", "nucleolar")
ONE_EACH = np.ones(150)


@pytest.fixture(scope="module")
def clouds() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three overlapping clouds of points in seven dimensions."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 150)
    return (random.normal(size=(150, 7)) + labels[:, None] * 0.6).astype(np.float32), labels


def test_kernel_machines_decide_as_scikit_learn(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    machine = learn_kernel_machine(vectors, labels, ONE_EACH, n_patterns=3, c=2.0, gamma=0.1)
    theirs = OneVsRestClassifier(SVC(C=2.0, gamma=0.1)).fit(vectors, labels)
    unseen = np.random.default_rng(1).normal(size=(40, 7)).astype(np.float32)
    np.testing.assert_allclose(
        machine.decisions(unseen), theirs.decision_function(unseen), atol=1e-5
    )
    assert len(machine.support) == len(set().union(*(e.support_ for e in theirs.estimators_)))


def test_linear_machines_decide_as_scikit_learn(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    machine = learn_linear_machine(vectors, labels, ONE_EACH, n_patterns=3, c=0.5, seed=3)
    theirs = LinearSVC(C=0.5, random_state=3, max_iter=20_000).fit(vectors, labels)
    np.testing.assert_allclose(
        machine.decisions(vectors), theirs.decision_function(vectors), atol=1e-3
    )


def test_a_pattern_without_cells_is_never_chosen(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    for machine in (
        learn_kernel_machine(vectors, labels, ONE_EACH, n_patterns=4, c=1.0, gamma=0.1),
        learn_linear_machine(vectors, labels, ONE_EACH, n_patterns=4, c=1.0, seed=0),
    ):
        assert (machine.decisions(vectors)[:, 3] == -1).all()


def test_weights_move_decisions_towards_a_pattern(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    even = learn_kernel_machine(vectors, labels, ONE_EACH, n_patterns=3, c=1.0, gamma=0.1)
    more = np.array([1, 1, 5.0])[labels]
    uneven = learn_kernel_machine(vectors, labels, more, n_patterns=3, c=1.0, gamma=0.1)
    chosen = [(m.decisions(vectors).argmax(axis=1) == 2).sum() for m in (even, uneven)]
    assert chosen[1] > chosen[0]


def test_the_factor_is_the_one_of_the_smallest_log_loss(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    rows = np.arange(150)
    machine = learn_linear_machine(
        vectors[rows % 2 == 0], labels[rows % 2 == 0], ONE_EACH[:75], n_patterns=3, c=1.0, seed=0
    )
    decisions, true = machine.decisions(vectors[rows % 2 == 1]), labels[rows % 2 == 1]
    grid = np.geomspace(0.05, 50, 400)
    losses = [log_loss(true, softmax(decisions * factor, axis=1)) for factor in grid]
    assert fitted_factor(decisions, true, ONE_EACH[:75]) == pytest.approx(
        grid[np.argmin(losses)], rel=0.03
    )


def test_the_factor_comes_from_cells_that_were_left_out(
    clouds: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, labels = clouds
    noise = np.random.default_rng(2).permutation(labels)

    def sure(rows: NDArray[np.int64]) -> Decide:
        # Of no use for other cells, whatever it says of its own.
        machine = learn_kernel_machine(
            vectors[rows], noise[rows], ONE_EACH[rows], n_patterns=3, c=1e3, gamma=0.3
        )
        return machine.decisions

    rows = np.arange(len(noise))
    factor = softmax_factor(sure, vectors, noise, ONE_EACH, seed=0)
    assert factor < fitted_factor(sure(rows)(vectors), noise, ONE_EACH) / 10
    assert softmax_factor(sure, vectors[:8], noise[:8], ONE_EACH[:8], seed=0) == 1.0


def test_fisher_vectors_are_those_of_the_mixture_that_was_learnt() -> None:
    random = np.random.default_rng(0)
    descriptors = [random.random((30, 12)) for _ in range(10)]
    together = np.concatenate(descriptors)
    pca = PCA(5).fit(together)
    arguments = {"covariance_type": "diag", "random_state": 0}
    mixture = learn_gmm(pca.transform(together), n_modes=4, gm_args=arguments)
    vocabulary = Vocabulary(
        pca.mean_, pca.components_, mixture.weights_, mixture.means_, mixture.covariances_
    )
    found = fisher_vectors(descriptors[:3], vocabulary)
    expected = [
        fisher_vector(pca.transform(each), mixture, improved=True) for each in descriptors[:3]
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose((found**2).sum(axis=1), 1, rtol=1e-5)


def test_a_model_file_decides_as_scikit_learn_on_the_same_features(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = random.random((60, 1, 32, 32)).astype(np.float16)
    images[labels == 1, :, 8:24, 8:24] += 0.3
    images[labels == 2, :, ::4] += 0.5
    settings = TrainSettings.read(
        {
            "network": "texture-svm",
            "options": {"c": 3.0, "gamma": 0.7},
            "inputs": {"side_px": 32},
            "patience": None,
            "validation": "none",
        },
        "test",
    )
    cells = PreparedCells(np.array([f"c{i}" for i in range(60)], dtype=object), images)
    classifier = Classifier.fresh(
        PATTERNS, settings.inputs, seed=0, network=settings.network, options=settings.options
    )
    fit(classifier, LabelledCells(cells, labels), settings, seed=0)
    classifier.save(tmp_path / "model.safetensors")
    loaded = Classifier.load(tmp_path / "model.safetensors")
    grey = images[:, 0].astype(np.float32)
    features = texture_features(grey, np.ones(grey.shape, dtype=bool))
    vectors = StandardScaler().fit_transform(features)
    theirs = OneVsRestClassifier(SVC(C=3.0, gamma=0.7 / vectors.shape[1])).fit(vectors, labels)
    decisions = theirs.decision_function(vectors) * float(loaded.network.head.factor)
    found = predict(loaded, cells).probabilities
    np.testing.assert_allclose(found, softmax(decisions, axis=1), atol=2e-4)
