"""``faults.csv``: the inputs that an import skipped, and why."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from cellquery.core import CellqueryError, InputError
from cellquery.core.durable import replacing
from cellquery.core.places import Place

_COLUMNS = ("path", "fault", "remedy", "source")


def read_faults(project: Place) -> list[CellqueryError]:
    """Return the inputs skipped by the imports of a project, in the order of importing."""
    return [InputError(row["path"], row["fault"], row["remedy"]) for row in _rows(project)]


def write_faults(
    project: Place,
    source: str | Path,
    faults: Iterable[CellqueryError],
    looked_at: Collection[str] = (),
) -> None:
    """Write the faults just met in a source, in the place of those met there before.

    Parameters
    ----------
    project : Path or UPath
    source : str or Path
        The folder or table.
    faults : iterable of CellqueryError
    looked_at : collection of str
        Absolute paths that the source names: what other sources said of them is out of date.
    """
    source = os.path.abspath(source)
    rows = [
        row
        for row in _rows(project)
        if row.get("source") != source and row["path"] not in looked_at
    ]
    for fault in faults:
        said = (os.path.abspath(fault.where), fault.fault, fault.remedy, source)
        rows.append(dict(zip(_COLUMNS, said, strict=True)))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(project / "faults.csv") as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def _rows(project: Place) -> list[dict[str, str]]:
    try:
        with (project / "faults.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []
