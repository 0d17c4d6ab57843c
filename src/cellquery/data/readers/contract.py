"""What every reader promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cellquery.data.records import SourceCell


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns, where they are not the usual ones."""

    id: str | None = None
    path: str | None = None
    pattern: str | None = None
    specimen: str | None = None
    intensity: str | None = None
    mask: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class ReaderOptions:
    """What a user may tell a reader.

    Attributes
    ----------
    columns : Columns
        For tables.
    label_order : tuple of str or None
        For LSHEp-2: the patterns of the label values 1, 2, and so on.
    own_patterns : tuple of str
        Classes beyond the known patterns, by whose names class folders are recognised too.
    annotations : Path or None
        A table that is used besides, whatever the layout.
    labelled : bool
        False where nobody asks for patterns: a fault in them is then none.
    """

    columns: Columns = field(default_factory=Columns)
    label_order: tuple[str, ...] | None = None
    own_patterns: tuple[str, ...] = ()
    annotations: Path | None = None
    labelled: bool = True


@dataclass(frozen=True)
class Source:
    """The cells of one source, in a stable order, as often as one asks for them.

    Attributes
    ----------
    layout : str
        The name of its layout.
    root : Path
        The folder that the manifest's source paths are relative to.
    cells : callable
        Returns an iterator over the cells. Files that a table names are listed even when they
        are missing: reading them reports it.
    notices : tuple of str
        What the user should know about this source.
    """

    layout: str
    root: Path
    cells: Callable[[], Iterator[SourceCell]]
    notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[SourceCell]:
        return self.cells()


@dataclass(frozen=True)
class Layout:
    """One way of laying out a set of cells.

    Attributes
    ----------
    name : str
        As given to ``--layout``.
    title : str
        For people.
    recognises : callable
        Whether a folder or file looks like this layout, given what the user told.
    read : callable
        Returns the source; raises InputError when it is not of this layout.
    """

    name: str
    title: str
    recognises: Callable[[Path, ReaderOptions], bool]
    read: Callable[[Path, ReaderOptions], Source]
