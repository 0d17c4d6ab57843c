"""Fisher vectors: how the descriptors of a cell differ from those of all cells."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.models.extras import optional


@dataclass(frozen=True)
class Vocabulary:
    """What a Fisher vector is told by: principal components, and Gaussians of the projections.

    Attributes
    ----------
    mean : ndarray, shape (descriptor,)
    components : ndarray, shape (components, descriptor)
    shares : ndarray, shape (words,)
        The weights of the Gaussians, which sum to 1.
    centres, variances : ndarray, shape (words, components)
    """

    mean: NDArray[np.floating]
    components: NDArray[np.floating]
    shares: NDArray[np.floating]
    centres: NDArray[np.floating]
    variances: NDArray[np.floating]


def learn_vocabulary(
    descriptors: NDArray[np.floating], n_words: int, n_components: int, seed: int
) -> Vocabulary:
    """Return the vocabulary of a sample of descriptors; no label is needed.

    Parameters
    ----------
    descriptors : ndarray, shape (descriptors, descriptor)
        More of them than words and components.
    n_words, n_components : int
    seed : int
    """
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning

    values = np.asarray(descriptors, dtype=np.float64)
    pca = PCA(n_components, svd_solver="full").fit(values)
    # Equal cells make Gaussians without width, so each keeps some.
    arguments = {
        "covariance_type": "diag",
        "max_iter": 40,
        "tol": 1e-2,
        "reg_covar": 1e-4,
        "random_state": seed,
    }
    with warnings.catch_warnings():
        # Words need not have settled: any that cover the descriptors will do. Equal descriptors
        # can be fewer than words.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = optional("skimage.feature").learn_gmm(
            pca.transform(values), n_modes=n_words, gm_args=arguments
        )
    return Vocabulary(
        pca.mean_, pca.components_, mixture.weights_, mixture.means_, mixture.covariances_
    )


def fisher_vectors(
    descriptors: list[NDArray[np.floating]], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """Return the improved Fisher vector of each cell.

    Parameters
    ----------
    descriptors : list of ndarray, shape (points, descriptor)
        Of each cell, a point or more.
    vocabulary : Vocabulary

    Returns
    -------
    ndarray of float32, shape (cells, words + 2 * words * components)
        Of unit length.

    References
    ----------
    Perronnin, Sánchez & Mensink 2010, doi:10.1007/978-3-642-15561-1_11.
    """
    encode, mixture = optional("skimage.feature").fisher_vector, _mixture(vocabulary)
    mean, components = vocabulary.mean, vocabulary.components
    vectors = [
        encode((each.astype(np.float64) - mean) @ components.T, mixture, improved=True)
        for each in descriptors
    ]
    return np.array(vectors, dtype=np.float32)


def _mixture(vocabulary: Vocabulary) -> Any:
    """Return scikit-learn's mixture of these Gaussians, as `learn_gmm` would give it."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(len(vocabulary.shares), covariance_type="diag")
    mixture.weights_ = vocabulary.shares
    mixture.means_ = vocabulary.centres
    mixture.covariances_ = vocabulary.variances
    mixture.precisions_cholesky_ = 1 / np.sqrt(vocabulary.variances)
    return mixture
