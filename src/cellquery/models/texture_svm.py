"""Rotation-invariant texture features and a support vector machine: what many would reach for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from cellquery.core import Progress, SettingsError
from cellquery.models.extras import optional
from cellquery.models.gathering import gathered
from cellquery.models.handcrafted.cells import cells_of
from cellquery.models.handcrafted.texture import N_FEATURES, texture_features
from cellquery.models.network import Network, NetworkOptions, NetworkOutput, Show
from cellquery.models.remembered import Remembered
from cellquery.models.svm import KernelHead, learn_kernel_machine, softmax_factor
from cellquery.wavelets import InputSettings

_remembered = Remembered(room_mb=200)


def _features(images: Tensor) -> list[NDArray[np.floating]]:
    return _remembered(images, lambda rows: texture_features(*cells_of(images[rows])))


class TextureOptions(NetworkOptions):
    """Options of `TextureSvm`.

    Attributes
    ----------
    c : float
        What a training cell on the wrong side costs.
    gamma : float
        Of the kernel, times the number of features: 1 is a kernel of about 1/e for two cells that
        differ by one standard deviation in every feature.
    """

    c: float = Field(default=10.0, gt=0, le=1e6)
    gamma: float = Field(default=1.0, gt=0, le=1e3)


class TextureSvm(Network):
    """Texture features of each cell, standardised, and an SVM with a radial basis function.

    176 features: see `handcrafted.texture.texture_features`. Nothing of it is published as a
    whole: it stands for what is assembled from scikit-image and scikit-learn in a day. Augmentation
    and ``views`` by quarter turns change nothing, since the features do not either; flips and other
    rotations count as further cells. The embedding is the standardised features. Probabilities:
    see `cellquery.models.svm`.
    """

    name = "texture-svm"
    title = "Texture features, RBF-SVM"
    Options = TextureOptions
    learns_at_once = True
    n_embedding = N_FEATURES

    head: KernelHead
    mean: Tensor
    spread: Tensor

    def __init__(
        self, n_patterns: int, n_channels: int = 1, c: float = 10.0, gamma: float = 1.0
    ) -> None:
        super().__init__(n_patterns, n_channels)
        optional("skimage.feature")  # missing, it is told before anything is computed
        self.c, self.gamma = c, gamma / N_FEATURES
        self.register_buffer("mean", torch.zeros(N_FEATURES))
        self.register_buffer("spread", torch.ones(N_FEATURES))
        self.head = KernelHead(N_FEATURES, n_patterns)

    @classmethod
    def build(cls, n_patterns: int, n_channels: int, options: Any) -> Self:
        """Return a machine that has learnt nothing."""
        return cls(n_patterns, n_channels, options.c, options.gamma)

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return the images, whose grey levels must be each cell's own scale.

        Raises
        ------
        SettingsError
            For another normalisation than ``per-image``: thresholds would mean nothing.
        """
        if settings.normalisation != "per-image":
            raise SettingsError(
                "inputs.normalisation",
                f"network '{self.name}' cannot use '{settings.normalisation}'",
                "set it to 'per-image'",
            )
        return (images,)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and standardised features of prepared images."""
        (images,) = features
        found = torch.from_numpy(np.stack(_features(images))).to(images.device)
        vectors = self._standardised(found)
        return NetworkOutput(self.head(vectors), vectors)

    def _standardised(self, found: Tensor) -> Tensor:
        return (found - self.mean) / self.spread

    def learn(
        self,
        show: Show,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        """Learn scale, machines and the probabilities' factor from the training cells."""
        found = np.stack(gathered(show, len(labels), _features, progress))
        self.mean = torch.from_numpy(found.mean(axis=0))
        self.spread = torch.from_numpy(np.maximum(found.std(axis=0), 1e-6))
        vectors = self._standardised(torch.from_numpy(found)).numpy()

        def machine(rows: NDArray[np.int64]) -> Any:
            return learn_kernel_machine(
                vectors[rows],
                labels[rows],
                weights[rows],
                n_patterns=self.n_patterns,
                c=self.c,
                gamma=self.gamma,
            )

        factor = softmax_factor(
            lambda rows: machine(rows).decisions, vectors, labels, weights, seed
        )
        self.head.take(machine(np.arange(len(labels))), factor)

    def make_room(self, weights: dict[str, Tensor]) -> None:
        """Give the support vectors' buffers the size they have in these weights."""
        if "head.support" in weights:
            self.head.make_room(len(weights["head.support"]))
