"""Query strategies against scikit-activeml (Kottke et al. 2021) on the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from skactiveml.pool import (
    TypiClust,
    average_kl_divergence,
    k_greedy_center,
    uncertainty_scores,
    vote_entropy,
)
from skactiveml.pool._typi_clust import _typicality

from cellquery.acquisition import Candidates, query_strategy
from cellquery.acquisition.committee import disagreement
from cellquery.acquisition.entropy import entropy
from cellquery.acquisition.margin import margin_utility
from cellquery.acquisition.typiclust import typicality

RANDOM = np.random.default_rng(11)
PROBABILITIES = RANDOM.dirichlet(np.ones(6) / 2, size=300)
COMMITTEE = RANDOM.dirichlet(np.ones(6) / 2, size=(5, 300))
EMBEDDINGS = RANDOM.normal(size=(300, 16)).astype(np.float32)
IDS = np.array([f"{i:03}" for i in range(300)], dtype=object)


def test_uncertainties_are_theirs() -> None:
    margins = uncertainty_scores(PROBABILITIES, method="margin_sampling")
    assert margin_utility(PROBABILITIES) == pytest.approx(margins)
    entropies = uncertainty_scores(PROBABILITIES, method="entropy")
    assert entropy(PROBABILITIES) == pytest.approx(entropies)
    confidence = uncertainty_scores(PROBABILITIES, method="least_confident")
    query = query_strategy("least-confidence").query(
        Candidates(IDS, PROBABILITIES), 300, np.random.default_rng(0)
    )
    assert query.utilities == pytest.approx(np.sort(confidence)[::-1])


def test_disagreement_of_a_committee_is_theirs() -> None:
    divergence = average_kl_divergence(COMMITTEE.copy())
    assert disagreement(COMMITTEE, "kl") == pytest.approx(divergence, rel=1e-4, abs=1e-6)
    votes = COMMITTEE.argmax(axis=2).T
    theirs = vote_entropy(votes, classes=np.arange(6))
    # Theirs is in units of the logarithm of the number of classes or of another base.
    ours = disagreement(COMMITTEE, "vote-entropy")
    assert spearmanr(ours, theirs).statistic == pytest.approx(1)
    assert ours / ours.max() == pytest.approx(theirs / theirs.max())


def test_core_set_chooses_their_cells() -> None:
    labels = np.full(300, np.nan)
    labels[:20] = 0
    theirs, _ = k_greedy_center(EMBEDDINGS, labels, batch_size=25, random_state=0)
    query = query_strategy("core-set").query(
        Candidates(IDS[20:], embeddings=EMBEDDINGS[20:], labelled_embeddings=EMBEDDINGS[:20]),
        25,
        np.random.default_rng(0),
    )
    assert [int(cell_id) for cell_id in query.ids] == theirs.tolist()


def test_typicality_orders_cells_as_theirs_does() -> None:
    theirs = _typicality(EMBEDDINGS, np.arange(300), 20)
    ours = typicality(EMBEDDINGS, 20)
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_typiclust_takes_as_typical_cells_as_theirs() -> None:
    blobs = np.concatenate(
        [RANDOM.normal(centre, 0.2, size=(60, 4)) for centre in (0, 4, 8, 12, 16)]
    ).astype(np.float32)
    theirs = TypiClust(random_state=0).query(blobs, np.full(300, np.nan), batch_size=5)
    query = query_strategy("typiclust", n_neighbours=5).query(
        Candidates(IDS, embeddings=blobs), 5, np.random.default_rng(0)
    )
    assert {int(cell_id) // 60 for cell_id in query.ids} == {row // 60 for row in theirs.tolist()}
    assert {int(cell_id) for cell_id in query.ids} == set(theirs.tolist())
