"""Clusters of embeddings, fast enough for any pool."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray


def clusters_of(
    vectors: NDArray[Any], n_clusters: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return the number of each row's cluster; some may stay empty.

    k-means on batches of a bounded sample (Sculley 2010, doi:10.1145/1772690.1772862).
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    n_clusters = max(1, min(n_clusters, len(vectors)))
    means = MiniBatchKMeans(
        n_clusters,
        n_init=1,
        max_iter=20,
        batch_size=4096,
        random_state=int(random.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        numbers: NDArray[np.int64] = means.fit_predict(vectors).astype(np.int64)
    return numbers
