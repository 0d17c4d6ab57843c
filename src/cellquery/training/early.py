"""The output of the frozen early layers, computed once and kept: later rounds train the rest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellquery.core import Progress, silent
from cellquery.core.durable import make_folder, replacing, write_json
from cellquery.data.prepare import PreparedCells
from cellquery.models import FORWARD_CELLS, Classifier
from cellquery.training.augment import draw_views, nth_view
from cellquery.training.settings import Augmentation


@dataclass(frozen=True)
class EarlyFeatures:
    """Early output of cells at some of the fixed views of an augmentation.

    Attributes
    ----------
    ids : ndarray of str, shape (cells,)
    values : ndarray of float16, shape (cells, views, parts, channels, height, width)
        What `Network.early` gives, such as both branches after the second pooling; in memory or
        mapped from a file. Half precision
        changes the logits by less than 0.01 and trained accuracy by nothing that can be told
        from the noise of a seed.
    """

    ids: NDArray[Any]
    values: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[Any]) -> EarlyFeatures:
        """Return the features of the cells at these rows."""
        return EarlyFeatures(self.ids[rows], self.values[rows])

    def at_views(
        self, rows: NDArray[Any], views: NDArray[Any], device: torch.device
    ) -> tuple[Tensor, ...]:
        """Return the early output of some rows, each at its own view, for `finish`."""
        values = torch.from_numpy(self.values[rows, views]).to(device).float()
        return tuple(
            part.contiguous(memory_format=torch.channels_last) for part in values.unbind(dim=1)
        )


@dataclass(frozen=True)
class CachedCells:
    """Labelled cells by their early features: what `LabelledCells` is to the entire network.

    Attributes
    ----------
    groups : tuple of EarlyFeatures
        With all views that the augmentation chooses among, or with the first alone.
    labels : ndarray of int64, shape (cells,)
    places : ndarray of int64, shape (cells,), or None
        Where each cell stands among the cells of all groups; None is their own order.
    """

    groups: tuple[EarlyFeatures, ...]
    labels: NDArray[np.int64]
    places: NDArray[np.int64] | None = None

    early = True

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: NDArray[Any]) -> Self:
        """Return the cells at these rows."""
        places = np.arange(len(self)) if self.places is None else self.places
        return type(self)(self.groups, self.labels[rows], places[rows])

    def inputs(
        self,
        classifier: Classifier,
        rows: NDArray[Any],
        augmentation: Augmentation | None,
        copies: Tensor | None,
        random: torch.Generator,
        device: torch.device,
    ) -> tuple[Tensor, ...]:
        """Return the inputs of `Network.finish` for these rows; see `LabelledCells`."""
        views = np.zeros(len(rows), dtype=np.int64)
        if augmentation is not None:
            views = draw_views(augmentation, len(rows), random, copies).numpy()
        if self.places is not None:
            rows = self.places[rows]
        ends = np.cumsum([len(group) for group in self.groups])
        which = np.searchsorted(ends, rows, side="right")
        starts = ends - [len(group) for group in self.groups]
        parts: list[tuple[Tensor, ...]] = []
        order: list[NDArray[Any]] = []
        for number in np.unique(which):
            chosen = np.flatnonzero(which == number)
            order.append(chosen)
            local = rows[chosen] - starts[number]
            parts.append(self.groups[number].at_views(local, views[chosen], device))
        back = torch.from_numpy(np.argsort(np.concatenate(order))).to(device)
        return tuple(torch.cat(same)[back] for same in zip(*parts, strict=True))


def early_features(
    classifier: Classifier,
    cells: PreparedCells,
    augmentation: Augmentation,
    views: Sequence[int],
    *,
    path: Path | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> EarlyFeatures:
    """Return the early output of cells at these views, from a file where one is kept.

    Parameters
    ----------
    classifier : Classifier
        Its early layers decide the values; left in evaluation mode.
    cells : PreparedCells
    augmentation : Augmentation
        Whose views are meant: see `cellquery.training.augment.nth_view`.
    views : sequence of int
    path : Path or None
        An ``.npy`` file to map. One made of other cells, inputs or weights is made again.
    device : str or torch.device
    progress : Progress

    Raises
    ------
    ProjectError
        When the file cannot be written.
    """
    key = _key(classifier, cells.ids, augmentation, views)
    if path is not None:
        kept = _kept(path, key)
        if kept is not None:
            return EarlyFeatures(cells.ids, kept)
    shape = (len(cells), len(views), *_shape(classifier, device))
    batches = _computed(classifier, cells, augmentation, views, device, progress)
    if path is None:
        values = np.empty(shape, dtype=np.float16)
        for rows, batch in batches:
            values[rows] = batch
        return EarlyFeatures(cells.ids, values)
    make_folder(path.parent)
    # Killed between the two, new features would pass for those of the old key.
    path.with_suffix(".json").unlink(missing_ok=True)
    # Written as it is computed: a large pool's features need not fit the memory.
    with replacing(path) as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, header)
        for _, batch in batches:
            file.write(batch.astype("<f2", copy=False).data)
    write_json(path.with_suffix(".json"), {"key": key})
    return EarlyFeatures(cells.ids, np.load(path, mmap_mode="r", allow_pickle=False))


def n_kept(path: Path) -> int:
    """Return how many cells' early features a file holds; 0 where it is missing or damaged."""
    with suppress(OSError, ValueError):
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    return 0


def size_mb(classifier: Classifier, n_cells: int, n_views: int) -> float:
    """Return the size of the early features of so many cells and views, in megabytes."""
    n_values = math.prod(_shape(classifier, "cpu"))
    return n_cells * n_views * n_values * np.dtype(np.float16).itemsize / 1e6


@torch.no_grad()
def _shape(classifier: Classifier, device: str | torch.device) -> tuple[int, ...]:
    """Return the shape of one cell's early output: (parts, channels, height, width)."""
    inputs, network = classifier.inputs, classifier.channels_last(device).eval()
    cell = torch.zeros(1, inputs.n_channels, inputs.side_px, inputs.side_px, device=device)
    parts = network.early(*classifier.network_inputs(cell))
    return len(parts), *parts[0].shape[1:]


@torch.no_grad()
def _computed(
    classifier: Classifier,
    cells: PreparedCells,
    augmentation: Augmentation,
    views: Sequence[int],
    device: str | torch.device,
    progress: Progress,
) -> Iterator[tuple[slice, NDArray[np.float16]]]:
    """Yield the early output of batch after batch, and its rows."""
    network = classifier.channels_last(device)
    network.eval()
    for start in range(0, len(cells), FORWARD_CELLS):
        rows = slice(start, start + FORWARD_CELLS)
        images = torch.from_numpy(cells.images[rows]).to(device).float()
        seen = (nth_view(images, augmentation, view) for view in views)
        early = (network.early(*classifier.network_inputs(turned)) for turned in seen)
        output = torch.stack([torch.stack(parts, dim=1) for parts in early], dim=1)
        yield rows, output.half().contiguous().cpu().numpy()
        progress("early layers", min(start + FORWARD_CELLS, len(cells)), len(cells))


def _kept(path: Path, key: str) -> NDArray[np.float16] | None:
    with suppress(OSError, ValueError, KeyError):
        if json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["key"] == key:
            kept: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
            return kept
    return None


def _key(
    classifier: Classifier, ids: NDArray[Any], augmentation: Augmentation, views: Sequence[int]
) -> str:
    digest = hashlib.sha256()
    facts = [classifier.inputs.model_dump(), augmentation.model_dump(), list(views), ids.tolist()]
    digest.update(json.dumps(facts).encode())
    for module in classifier.network.early_modules():
        for name, weight in sorted(module.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
