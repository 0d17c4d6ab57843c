from __future__ import annotations

import numpy as np
import pytest
from skactiveml.pool import MaxHerding

from cellquery.acquisition import Candidates, query_strategy


@pytest.mark.parametrize("n_labelled", [0, 20])
def test_it_chooses_the_cells_of_scikit_activeml(n_labelled: int) -> None:
    embeddings = np.random.default_rng(8).normal(size=(300, 16)).astype(np.float32)
    labels = np.full(300, np.nan)
    labels[:n_labelled] = 0
    width = 0.5
    theirs, gains = MaxHerding(
        metric="rbf", metric_dict={"gamma": 1 / (2 * width**2)}, random_state=0
    ).query(embeddings, labels, batch_size=40, return_utilities=True)
    cells = Candidates(
        np.array([f"{i:03}" for i in range(n_labelled, 300)], dtype=object),
        embeddings=embeddings[n_labelled:],
        labelled_embeddings=embeddings[:n_labelled],
    )
    query = query_strategy("max-herding", bandwidth=width).query(
        cells, 40, np.random.default_rng(0)
    )
    assert [int(cell_id) for cell_id in query.ids] == theirs.tolist()
    assert query.utilities == pytest.approx(np.nanmax(gains, axis=1), rel=1e-4)
