"""Where a report finds the pixels of a cell: in a project, or in the source of a prediction."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from cellquery.data import Project, read_image
from cellquery.data.readers import ReaderOptions, open_source
from cellquery.data.synthetic.notice import says_synthetic


class CellPictures(Protocol):
    """Anything that knows the pixels of cells."""

    def __contains__(self, cell_id: object) -> bool: ...

    def pixels(self, cell_id: str) -> NDArray[Any]:
        """Return the raw counts of a cell."""
        ...

    def is_synthetic(self, cell_id: str) -> bool:
        """Return whether a program made the cell."""
        ...


class ProjectPictures:
    """The cells of a project."""

    def __init__(self, project: Project) -> None:
        self._store = project.store()
        self._synthetic = project.is_synthetic

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._store

    def pixels(self, cell_id: str) -> NDArray[Any]:
        """Return the raw counts of a cell."""
        return self._store.pixels(cell_id)

    def is_synthetic(self, cell_id: str) -> bool:
        """Return whether any source of the project was synthetic."""
        return self._synthetic


class FolderPictures:
    """The images of a folder or table, by the ids that ``cellquery predict`` gives them."""

    def __init__(self, source: str | Path) -> None:
        self._source = source

    @cached_property
    def _paths(self) -> dict[str, str]:
        opened = open_source(self._source, options=ReaderOptions(labelled=False))
        return {cell.cell_id: cell.path for cell in opened}

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._paths

    def pixels(self, cell_id: str) -> NDArray[Any]:
        """Return the raw counts of an image."""
        return read_image(self._paths[cell_id]).pixels

    def is_synthetic(self, cell_id: str) -> bool:
        """Return whether the file says of itself that it is synthetic."""
        return says_synthetic(self._paths[cell_id])
