from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from cellquery.acquisition import Candidates, query_strategy

LOGITS = arrays(np.float64, (12, 4), elements=st.integers(-40, 40).map(lambda n: n / 4))
IDS = np.array([f"c{i:02}" for i in range(12)], dtype=object)


def chosen(name: str, probabilities: np.ndarray) -> list[str]:
    cells = Candidates(IDS, probabilities)
    return list(query_strategy(name).query(cells, 5, np.random.default_rng(0)).ids)


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
@given(logits=LOGITS)
def test_the_order_of_the_patterns_changes_no_uncertainty(name: str, logits: np.ndarray) -> None:
    # Rounded: the order of a sum may change its last bit, and so the order of equals.
    probabilities = softmax(logits, axis=1)
    one = query_strategy(name).query(Candidates(IDS, probabilities), 12, np.random.default_rng(0))
    other = query_strategy(name).query(
        Candidates(IDS, probabilities[:, ::-1]), 12, np.random.default_rng(0)
    )
    first = dict(zip(one.ids, one.utilities, strict=True))
    second = dict(zip(other.ids, other.utilities, strict=True))
    assert first == pytest.approx(second)


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
@given(logits=LOGITS, constant=st.sampled_from([-8.0, 4.0, 64.0]))
def test_a_constant_added_to_the_logits_changes_nothing(
    name: str, logits: np.ndarray, constant: float
) -> None:
    # Quarters and powers of two add without rounding, so that equals stay equal.
    assert chosen(name, softmax(logits, axis=1)) == chosen(name, softmax(logits + constant, axis=1))


@given(n_labelled=st.integers(0, 11), seed=st.integers(0, 1000))
def test_a_labelled_cell_is_never_chosen(n_labelled: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(12, 3)).astype(np.float32)
    cells = Candidates(
        IDS[n_labelled:],
        embeddings=embeddings[n_labelled:],
        labelled_embeddings=embeddings[:n_labelled],
    )
    for name in ("core-set", "typiclust", "max-herding"):
        ids = query_strategy(name).query(cells, 4, random).ids
        assert not set(ids) & set(IDS[:n_labelled])
