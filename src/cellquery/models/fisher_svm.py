"""The hand-crafted comparison: illumination-robust descriptors, Fisher vectors, a linear SVM."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from cellquery.core import Progress, generator, integer_seed
from cellquery.models.extras import optional
from cellquery.models.gathering import gathered
from cellquery.models.handcrafted.cells import cells_of
from cellquery.models.handcrafted.fisher import Vocabulary, fisher_vectors, learn_vocabulary
from cellquery.models.handcrafted.order_gradients import N_DESCRIPTOR, order_gradients
from cellquery.models.linear import set_linear
from cellquery.models.network import Network, NetworkOptions, NetworkOutput, Show
from cellquery.models.remembered import Remembered
from cellquery.models.svm import learn_linear_machine, softmax_factor

_SAMPLE = 30_000


_remembered = Remembered(room_mb=600)


def _descriptors(images: Tensor) -> list[NDArray[np.floating]]:
    # Half precision keeps twice as many cells in memory and is finer than the descriptors are.
    return _remembered(
        images,
        lambda rows: [each.astype(np.float16) for each in order_gradients(*cells_of(images[rows]))],
    )


class FisherOptions(NetworkOptions):
    """Options of `FisherSvm`.

    Attributes
    ----------
    n_words : int
        Gaussians of the vocabulary.
    n_components : int
        Principal components of the descriptors.
    c : float
        What a training cell on the wrong side costs.
    """

    n_words: int = Field(default=64, ge=2, le=1024)
    n_components: int = Field(default=40, ge=1, le=N_DESCRIPTOR)
    c: float = Field(default=1.0, gt=0, le=1e6)


class FisherSvm(Network):
    """Descriptors of gradients pooled by brightness order, as Fisher vectors, and a linear SVM.

    Known of the method of Qi et al. 2016: local descriptors that are robust against illumination,
    an encoding of them, a linear SVM. Guessed: everything else. The descriptors are those of
    `handcrafted.order_gradients` (rotation and monotone changes of brightness change nothing),
    which others used on HEp-2 cells; the encoding is that of the same authors' earlier work, the
    improved Fisher vector (Qi et al. 2015, arXiv:1502.04658). They were chosen before
    rotation-invariant co-occurrence of binary patterns on folds of the real cells: see
    docs/comparisons.md.

    Vocabulary and machine are learnt from the training cells alone. Quarter turns change
    nothing: augmentation and ``views`` are of use for flips only. The embedding is the Fisher
    vector. Probabilities: see `cellquery.models.svm`.

    References
    ----------
    Qi et al. 2016, doi:10.1016/j.patcog.2016.05.004.
    """

    name = "fisher-svm"
    title = "Hand-crafted descriptors, Fisher vectors, linear SVM (after Qi et al. 2016)"
    Options = FisherOptions
    learns_at_once = True

    head: nn.Linear
    mean: Tensor
    components: Tensor
    shares: Tensor
    centres: Tensor
    variances: Tensor

    def __init__(
        self,
        n_patterns: int,
        n_channels: int = 1,
        n_words: int = 64,
        n_components: int = 40,
        c: float = 1.0,
    ) -> None:
        super().__init__(n_patterns, n_channels)
        optional("skimage.feature")  # missing, it is told before anything is computed
        self.c = c
        self.n_embedding = n_words * (1 + 2 * n_components)
        self.register_buffer("mean", torch.zeros(N_DESCRIPTOR))
        self.register_buffer("components", torch.eye(n_components, N_DESCRIPTOR))
        self.register_buffer("shares", torch.full((n_words,), 1 / n_words))
        self.register_buffer("centres", torch.zeros(n_words, n_components))
        self.register_buffer("variances", torch.ones(n_words, n_components))
        self.head = nn.Linear(self.n_embedding, n_patterns)

    @classmethod
    def build(cls, n_patterns: int, n_channels: int, options: Any) -> Self:
        """Return a vocabulary and a machine that have learnt nothing."""
        return cls(n_patterns, n_channels, options.n_words, options.n_components, options.c)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and Fisher vectors of prepared images."""
        (images,) = features
        found = fisher_vectors(_descriptors(images), self._vocabulary())
        vectors = torch.from_numpy(found).to(images.device)
        return NetworkOutput(self.head(vectors), vectors)

    def _vocabulary(self) -> Vocabulary:
        parts = (self.mean, self.components, self.shares, self.centres, self.variances)
        return Vocabulary(*(part.double().cpu().numpy() for part in parts))

    def learn(
        self,
        show: Show,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        """Learn vocabulary, machines and the probabilities' factor from the training cells."""
        descriptors = gathered(show, len(labels), _descriptors, progress)
        progress("vocabulary", 0, None)
        self._take(
            learn_vocabulary(
                _sample(descriptors, 4 * len(self.shares), seed),
                len(self.shares),
                len(self.components),
                integer_seed(seed, "vocabulary"),
            )
        )
        vectors = fisher_vectors(descriptors, self._vocabulary())
        tie_break = integer_seed(seed, "linear machine")

        def machine(rows: NDArray[np.int64]) -> Any:
            return learn_linear_machine(
                vectors[rows],
                labels[rows],
                weights[rows],
                n_patterns=self.n_patterns,
                c=self.c,
                seed=tie_break,
            )

        factor = softmax_factor(
            lambda rows: machine(rows).decisions, vectors, labels, weights, seed
        )
        whole = machine(np.arange(len(labels)))
        set_linear(self.head, whole.weights * factor, whole.bias * factor)

    def _take(self, vocabulary: Vocabulary) -> None:
        for name in ("mean", "components", "shares", "centres", "variances"):
            values = np.asarray(getattr(vocabulary, name), np.float32)
            getattr(self, name).copy_(torch.from_numpy(values))


def _sample(
    descriptors: list[NDArray[np.floating]], fewest: int, seed: int
) -> NDArray[np.floating]:
    """Return some descriptors of every cell, or of few cells some more than once."""
    random = generator(seed, "descriptors")
    each = -(-_SAMPLE // len(descriptors))
    some = [
        cell if len(cell) <= each else cell[random.choice(len(cell), each, replace=False)]
        for cell in descriptors
    ]
    sample = np.concatenate(some)
    if len(sample) >= fewest:
        return sample
    return sample[np.sort(random.choice(len(sample), fewest, replace=True))]
