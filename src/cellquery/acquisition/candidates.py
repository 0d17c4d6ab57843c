"""What a query strategy sees, as arrays, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellquery.core import AcquisitionError


def _nothing() -> NDArray[np.float32]:
    return np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Candidates:
    """Unlabelled cells to choose from, and the labelled ones that they should differ from.

    Attributes
    ----------
    ids : ndarray of str, shape (candidates,)
        Ids, not positions, break ties, so that the order of the candidates changes nothing.
    probabilities : ndarray of float, shape (candidates, patterns)
        Rows sum to 1. Zero columns where no network has learnt yet.
    embeddings : ndarray of float32, shape (candidates, dims)
    groups : ndarray of str or None, shape (candidates,), or None
        The specimen of each cell, None where it is not known.
    committee : ndarray of float, shape (members, candidates, patterns), or None
        Probabilities of several networks, or of one with several draws of dropout.
    labelled_embeddings : ndarray of float32, shape (labelled, dims)
    labelled_groups : ndarray of str or None, shape (labelled,), or None
    utilities : ndarray of float64, shape (candidates,), or None
        What the strategy's own `utilities` said of them, where that is known already.

    Raises
    ------
    AcquisitionError
        When shapes disagree, an id stands twice, or a score is not a finite number or, where it
        is a probability, negative.
    """

    ids: NDArray[Any]
    probabilities: NDArray[np.floating[Any]] = field(default_factory=_nothing)
    embeddings: NDArray[np.float32] = field(default_factory=_nothing)
    groups: NDArray[Any] | None = None
    committee: NDArray[np.floating[Any]] | None = None
    labelled_embeddings: NDArray[np.float32] = field(default_factory=_nothing)
    labelled_groups: NDArray[Any] | None = None
    utilities: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n_cells = len(self.ids)
        for name in ("probabilities", "embeddings", "groups", "utilities"):
            values = getattr(self, name)
            if values is not None and values.size and len(values) != n_cells:
                raise _fault(f"{len(values)} rows of {name} for {n_cells} cells")
        if self.committee is not None and self.committee.shape[1] != n_cells:
            raise _fault(f"a committee's opinion of {self.committee.shape[1]} of {n_cells} cells")
        if len(set(self.ids.tolist())) != n_cells:
            raise _fault("a cell stands twice among the candidates")
        for name in ("probabilities", "embeddings", "committee", "labelled_embeddings"):
            values = getattr(self, name)
            if values is None:
                continue
            if not np.isfinite(values).all():
                raise _fault(f"{name} that are not finite numbers", "train again at a lower rate")
            if name in ("probabilities", "committee") and (values < 0).any():
                raise _fault(f"negative {name}")

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: NDArray[Any]) -> Candidates:
        """Return the candidates at these rows."""
        n_cells = len(self.ids)

        def chosen(values: Any) -> Any:
            return values[rows] if values is not None and len(values) == n_cells else values

        return replace(
            self,
            ids=self.ids[rows],
            probabilities=chosen(self.probabilities),
            embeddings=chosen(self.embeddings),
            groups=chosen(self.groups),
            utilities=chosen(self.utilities),
            committee=None if self.committee is None else self.committee[:, rows],
        )

    def in_order(self) -> Candidates:
        """Return the candidates in the order of their ids."""
        order = np.argsort(self.ids.astype(str), kind="stable")
        return self if np.array_equal(order, np.arange(len(order))) else self.rows(order)


@dataclass(frozen=True)
class Query:
    """The cells that a strategy wants labelled.

    Attributes
    ----------
    ids : ndarray of str, shape (chosen,)
        In the order of choice, without repeats.
    utilities : ndarray of float64, shape (chosen,)
        What made each be chosen; higher is more wanted. What it measures is the strategy's own.
    chosen_by : ndarray of str, shape (chosen,), or None
        What chose each, where that is not the strategy asked for all of them.
    """

    ids: NDArray[Any]
    utilities: NDArray[np.float64]
    chosen_by: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def named(self, name: str) -> Query:
        """Return it with the strategy's name wherever nothing else chose."""
        if self.chosen_by is not None:
            return self
        return replace(self, chosen_by=np.full(len(self.ids), name, dtype=object))

    def rows(self, rows: NDArray[Any]) -> Query:
        """Return the choices at these rows."""
        chosen_by = None if self.chosen_by is None else self.chosen_by[rows]
        return Query(self.ids[rows], self.utilities[rows], chosen_by)


def joined(queries: Sequence[Query]) -> Query:
    """Return named queries one after the other."""
    columns = ([getattr(each, name) for each in queries] for name in Query.__dataclass_fields__)
    return Query(*map(np.concatenate, columns))


def _fault(what: str, remedy: str = "give one finite row for each candidate") -> AcquisitionError:
    return AcquisitionError("candidates", f"hold {what}", remedy)
