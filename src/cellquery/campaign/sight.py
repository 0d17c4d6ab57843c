"""How the rounds see cells: through cached output of the frozen layers, or whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cellquery.campaign.pool import Pool
from cellquery.core import Progress, generator, integer_seed
from cellquery.core.durable import make_folder, room_for
from cellquery.data.prepare import PreparedCells
from cellquery.models import FORWARD_CELLS, Classifier
from cellquery.training import (
    Augmentation,
    CachedCells,
    EarlyFeatures,
    LabelledCells,
    TrainSettings,
    early_features,
    predict,
)
from cellquery.training.augment import n_views
from cellquery.training.early import n_kept, size_mb
from cellquery.training.precision import predicting

_N_MEMBERS, _DROPOUT = 10, 0.5


@dataclass(frozen=True)
class Scores:
    """What a network says of every cell of the pool.

    Attributes
    ----------
    probabilities : ndarray of float32, shape (cells, patterns)
    embeddings : ndarray of float32, shape (cells, n_embedding)
    """

    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]


class Sight:
    """The pool, the labelled and the rehearsed cells, as the rounds train on and score them.

    Parameters
    ----------
    folder : Path
        Where cached features are kept.
    pool : Pool
    settings : TrainSettings
        Of the rounds' training.
    initial : Classifier or None
        Whose early layers stay frozen; None freezes, and so caches, nothing.
    rehearsed : LabelledCells or None
    cache_mb : int
    n_labels : int
        How many cells will be labelled at most.
    progress : Progress
    """

    def __init__(
        self,
        folder: Path,
        pool: Pool,
        settings: TrainSettings,
        initial: Classifier | None,
        rehearsed: LabelledCells | None,
        *,
        cache_mb: int,
        n_labels: int,
        progress: Progress,
    ) -> None:
        self.folder, self.pool, self.settings = folder, pool, settings
        self.initial, self.whole_rehearsed, self.progress = initial, rehearsed, progress
        self.note, views = "", n_views(settings.augmentation)
        self.views = range(views or 1)
        self.cached = False
        self._n_trained = self._n_pool = 0
        self._allowed_mb: int | None = None
        self._groups: dict[int, EarlyFeatures] = {}
        self._pool_features: EarlyFeatures | None = None
        self._rehearsed_features: CachedCells | None = None
        if initial is None or not initial.network.has_early:
            self.note = "nothing is frozen, so nothing is cached"
        elif views is None:
            self.note = "the augmentation has no fixed views, so nothing is cached"
        else:
            self._n_trained = views * (n_labels + (len(rehearsed) if rehearsed else 0))
            self._allowed_mb = cache_mb

    def prepare(self) -> None:
        """Fill the cache of the pool and of the rehearsed cells."""
        if self._allowed_mb is not None:
            self._share(self._allowed_mb)
            self._allowed_mb = None
        if not self.cached:
            return
        if self._pool_features is None and self._n_pool:
            cells = self.pool.cells.rows(slice(self._n_pool))
            self._pool_features = self._features("pool", cells, Augmentation(), [0])
        if self.whole_rehearsed is not None and self._rehearsed_features is None:
            features = self._augmented("rehearsed", self.whole_rehearsed.cells)
            self._rehearsed_features = CachedCells((features,), self.whole_rehearsed.labels)

    @property
    def rehearsed(self) -> LabelledCells | CachedCells | None:
        """The rehearsed cells."""
        return self._rehearsed_features if self.cached else self.whole_rehearsed

    def labelled(
        self, rounds: Sequence[NDArray[np.int64]], labels: NDArray[np.int64]
    ) -> LabelledCells | CachedCells:
        """Return the cells labelled in each round, given by their rows in the pool."""
        rows = np.concatenate(rounds)
        if not self.cached:
            return LabelledCells(self.pool.cells.rows(rows), labels)
        for number, chosen in enumerate(rounds):
            kept = self._groups.get(number)
            if kept is None or kept.ids.tolist() != self.pool.cells.ids[chosen].tolist():
                self._groups[number] = self._augmented(
                    f"round-{number:03}", self.pool.cells.rows(chosen)
                )
        return CachedCells(tuple(self._groups[number] for number in range(len(rounds))), labels)

    def scores(self, classifier: Classifier) -> Scores:
        """Return what a network says of the pool, each cell at one view."""
        cells, kept = self.pool.cells, self._pool_features
        n_cached = 0 if kept is None else len(kept)
        said = None
        if n_cached < len(cells):
            rest = cells.rows(slice(n_cached, None))
            said = predict(classifier, rest, progress=self.progress)
        if kept is None:
            assert said is not None
            return Scores(said.probabilities, said.embeddings)
        network = classifier.channels_last("cpu")
        network.eval()
        probabilities = np.empty((len(cells), len(classifier.patterns)), np.float32)
        embeddings = np.empty((len(cells), network.n_embedding), np.float32)
        with torch.inference_mode(), predicting(network):
            for start in range(0, n_cached, FORWARD_CELLS):
                rows = np.arange(start, min(start + FORWARD_CELLS, n_cached))
                views = np.zeros(len(rows), dtype=np.int64)
                output = network.finish(*kept.at_views(rows, views, torch.device("cpu")))
                probabilities[rows] = output.logits.float().softmax(dim=1).numpy()
                embeddings[rows] = output.embedding.float().numpy()
                self.progress("scoring", int(rows[-1]) + 1, n_cached)
        if said is not None:
            probabilities[n_cached:], embeddings[n_cached:] = said.probabilities, said.embeddings
        return Scores(probabilities, embeddings)

    def _share(self, allowed_mb: int) -> None:
        """Share out the room for the cache: first what is trained on, often; then the pool.

        What finds no room in it is computed anew whenever it is looked at.
        """
        assert self.initial is not None
        cell_bytes = round(1e6 * size_mb(self.initial, 1, 1))
        needed = self._n_trained + len(self.pool)
        room, whose = min(needed, allowed_mb * 10**6 // cell_bytes), f"{allowed_mb} MB allowed"
        self._n_pool = min(n_kept(self.folder / "pool.npy"), max(0, room - self._n_trained))
        if room >= self._n_trained and not self._n_pool:
            make_folder(self.folder)
            on_disk = room_for(self.folder, room * cell_bytes) // cell_bytes
            if on_disk < room:
                room, whose = (
                    on_disk,
                    f"{on_disk * cell_bytes / 1e6:.0f} MB for which there is room",
                )
            self._n_pool = max(0, room - self._n_trained)
        self.cached = room >= self._n_trained
        if not self.cached or self._n_pool < len(self.pool):
            kept = f"{self._n_pool} of {len(self.pool)} cells of the pool are kept"
            self.note = (
                f"the cache needs {needed * cell_bytes / 1e6:.0f} MB of {whose}: "
                f"{kept if self.cached else 'not used'}"
            )

    def _features(
        self, name: str, cells: PreparedCells, augmentation: Augmentation, views: Sequence[int]
    ) -> EarlyFeatures:
        assert self.initial is not None
        path = self.folder / f"{name}.npy"
        return early_features(
            self.initial, cells, augmentation, views, path=path, progress=self.progress
        )

    def _augmented(self, name: str, cells: PreparedCells) -> EarlyFeatures:
        return self._features(name, cells, self.settings.augmentation, self.views)


def committee(
    classifier: Classifier, embeddings: NDArray[np.float32], seed: int, *purpose: str | int
) -> NDArray[np.float32]:
    """Return the opinions of draws of Monte-Carlo dropout, shape (members, cells, patterns).

    Half of the embedding is dropped before the last layer; the layers before it are computed
    once. Gal & Ghahramani 2016, arXiv:1506.02142.
    """
    random = torch.Generator().manual_seed(integer_seed(seed, *purpose))
    head = classifier.network.head.cpu().eval()
    vectors = torch.from_numpy(embeddings)
    opinions = []
    with torch.inference_mode():
        for _ in range(_N_MEMBERS):
            kept = torch.rand(vectors.shape, generator=random) >= _DROPOUT
            opinions.append(head(vectors * kept / (1 - _DROPOUT)).softmax(dim=1).numpy())
    return np.stack(opinions)


def some(cells: LabelledCells | None, n: int, seed: int) -> LabelledCells | None:
    """Return n labelled cells drawn at random, or None where there are none."""
    if cells is None or not n:
        return None
    if n >= len(cells):
        return cells
    rows = generator(seed, "rehearsed cells").choice(len(cells), n, replace=False)
    return cells.rows(np.sort(rows))
