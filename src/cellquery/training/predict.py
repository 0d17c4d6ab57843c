"""What a trained network says of cells: probabilities and embeddings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellquery.core import Progress, WeightsError, silent
from cellquery.data.prepare import PreparedCells
from cellquery.models import FORWARD_CELLS, Classifier
from cellquery.models.remembered import Remembered
from cellquery.training.augment import dihedral
from cellquery.training.precision import predicting


@dataclass(frozen=True)
class Predictions:
    """Predictions for cells.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    patterns : tuple of str
    probabilities : ndarray of float32, shape (cells, patterns)
        Rows sum to 1: the softmax of Eq. 1, averaged over the views.
    embeddings : ndarray of float32, shape (cells, n_embedding)
    seconds : float
        What they took on prepared cells, from these to probabilities, also where some of it was
        remembered; 0 where it is not known.
    """

    ids: NDArray[Any]
    patterns: tuple[str, ...]
    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    seconds: float = 0.0

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of the most probable pattern of each cell, shape (cells,)."""
        labels: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return labels


def averaged(each: Sequence[Predictions]) -> Predictions:
    """Return the mean of what several models say of the same cells; embeddings are the first's.

    Models that err on different cells are right more often together (Hansen & Salamon 1990,
    doi:10.1109/34.58871).

    Raises
    ------
    WeightsError
        As `check_same_patterns`.
    """
    first = each[0]
    check_same_patterns(each)
    return Predictions(
        first.ids,
        first.patterns,
        np.mean([said.probabilities for said in each], axis=0, dtype=np.float32),
        first.embeddings,
        sum(said.seconds for said in each),
    )


def check_same_patterns(models: Sequence[Predictions | Classifier]) -> None:
    """Raise WeightsError where models name other patterns, or the same in another order."""
    first = models[0].patterns
    for other in models[1:]:
        if other.patterns != first:
            raise WeightsError(
                "models",
                f"one names {', '.join(first)}, another {', '.join(other.patterns)}",
                "average models of the same patterns",
            )


def predict(
    classifier: Classifier,
    cells: PreparedCells,
    *,
    views: int = 1,
    device: str | torch.device = "cpu",
    exact: bool = False,
    progress: Progress = silent,
) -> Predictions:
    """Return the predictions of a classifier for prepared cells.

    Parameters
    ----------
    classifier : Classifier
        Left in evaluation mode.
    cells : PreparedCells
    views : {1, 8}
        Average over so many flips and quarter turns of each cell.
    device : str or torch.device
    exact : bool
        In 32 bits, also where bfloat16 is faster and as good; see `predicting`.
    progress : Progress
    """
    started, spared_s = time.perf_counter(), Remembered.spared_s
    classifier.channels_last(device).eval()
    probabilities = np.zeros((len(cells), len(classifier.patterns)), np.float32)
    embeddings = np.zeros((len(cells), classifier.network.n_embedding), np.float32)
    with torch.inference_mode(), predicting(classifier.network, device, exact=exact):
        for start in range(0, len(cells), FORWARD_CELLS):
            rows = slice(start, start + FORWARD_CELLS)
            images = torch.from_numpy(cells.images[rows]).to(device).float()
            outputs = [classifier(dihedral(images, view)) for view in range(views)]
            softmax = torch.stack([output.logits.float().softmax(dim=1) for output in outputs])
            embedding = torch.stack([output.embedding.float() for output in outputs])
            probabilities[rows] = softmax.mean(dim=0).float().cpu().numpy()
            embeddings[rows] = embedding.mean(dim=0).float().cpu().numpy()
            progress("predicting", min(start + FORWARD_CELLS, len(cells)), len(cells))
    seconds = time.perf_counter() - started + Remembered.spared_s - spared_s
    return Predictions(cells.ids, classifier.patterns, probabilities, embeddings, seconds)
