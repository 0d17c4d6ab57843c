"""What a trained network says of cells: probabilities and embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cellquery.core import Progress, silent
from cellquery.data.prepare import PreparedCells
from cellquery.models import Classifier
from cellquery.training.augment import dihedral


@dataclass(frozen=True)
class Predictions:
    """Predictions for cells.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    patterns : tuple of str
    probabilities : ndarray of float32, shape (cells, patterns)
        Rows sum to 1: the softmax of Eq. 1, averaged over the views.
    embeddings : ndarray of float32, shape (cells, 128)
    """

    ids: NDArray[Any]
    patterns: tuple[str, ...]
    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of the most probable pattern of each cell, shape (cells,)."""
        labels: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return labels


def predict(
    classifier: Classifier,
    cells: PreparedCells,
    *,
    views: int = 1,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
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
    batch_size : int
    device : str or torch.device
    progress : Progress
    """
    chunks = (
        PreparedCells(
            cells.ids[start : start + batch_size], cells.images[start : start + batch_size]
        )
        for start in range(0, len(cells), batch_size)
    )
    parts = []
    for part in predict_stream(classifier, chunks, views=views, device=device):
        parts.append(part)
        progress("predicting", sum(len(part.ids) for part in parts), len(cells))
    if not parts:
        empty = np.zeros((0, len(classifier.patterns)), np.float32)
        return Predictions(cells.ids, classifier.patterns, empty, np.zeros((0, 128), np.float32))
    return Predictions(
        cells.ids,
        classifier.patterns,
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.embeddings for part in parts]),
    )


def predict_stream(
    classifier: Classifier,
    chunks: Iterable[PreparedCells],
    *,
    views: int = 1,
    device: str | torch.device = "cpu",
) -> Iterator[Predictions]:
    """Yield the predictions of each chunk of cells, in order, in bounded memory."""
    classifier.channels_last(device).eval()
    with torch.inference_mode():
        for chunk in chunks:
            images = torch.from_numpy(chunk.images).to(device).float()
            outputs = [classifier(dihedral(images, view)) for view in range(views)]
            probabilities = torch.stack([output.logits.softmax(dim=1) for output in outputs])
            embeddings = torch.stack([output.embedding for output in outputs])
            yield Predictions(
                chunk.ids,
                classifier.patterns,
                probabilities.mean(dim=0).float().cpu().numpy(),
                embeddings.mean(dim=0).float().cpu().numpy(),
            )
