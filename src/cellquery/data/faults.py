"""``faults.csv``: the inputs that an import skipped, and why."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from cellquery.core import CellqueryError, InputError
from cellquery.core.durable import replacing
from cellquery.core.places import Place

_COLUMNS = ("path", "fault", "remedy")


def read_faults(project: Place) -> list[CellqueryError]:
    """Return the inputs skipped by the imports of a project, in the order of importing."""
    try:
        with (project / "faults.csv").open(encoding="utf-8", newline="") as file:
            return [
                InputError(row["path"], row["fault"], row["remedy"]) for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []


def write_faults(project: Place, root: Path, faults: Iterable[CellqueryError]) -> None:
    """Write the faults just met in a source, in the place of those met there before."""
    below = os.path.join(os.path.abspath(root), "")
    kept = [fault for fault in read_faults(project) if not fault.where.startswith(below)]
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows((fault.where, fault.fault, fault.remedy) for fault in kept)
    rows.writerows((os.path.abspath(f.where), f.fault, f.remedy) for f in faults)
    with replacing(project / "faults.csv") as file:
        file.write(text.getvalue().encode("utf-8", "replace"))
