"""The exception tree: every error a user can meet names the place, the fault and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upath import UPath


class CellqueryError(Exception):
    """An error that a user can act on, shown as one line.

    Parameters
    ----------
    where : str, Path or UPath
        The file, folder or setting at fault.
    fault : str
        What is wrong with it, without a final stop.
    remedy : str
        What to do about it, without a final stop.

    Examples
    --------
    >>> print(CellqueryError("cells.csv", "no column 'path'", "add one or pass --path-column"))
    cells.csv: no column 'path'; add one or pass --path-column
    """

    def __init__(self, where: str | Path | UPath, fault: str, remedy: str) -> None:
        super().__init__(where, fault, remedy)
        self.where = str(where)
        self.fault = fault
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(f"{self.where}: {self.fault}; {self.remedy}".split())


class InputError(CellqueryError):
    """An image, a table or a folder given by the user cannot be used."""


class ProjectError(CellqueryError):
    """A cellquery project directory is missing, damaged or cannot be written."""


class SettingsError(CellqueryError):
    """A setting or a configuration file is wrong."""


class WeightsError(CellqueryError):
    """A file of weights does not fit the network it is loaded into."""


class TrainingError(CellqueryError):
    """A training cannot start or had to stop."""


class AcquisitionError(CellqueryError):
    """Cells cannot be chosen from what a query strategy was given."""
