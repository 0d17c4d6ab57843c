"""What tables say of cells: pattern, specimen and intensity, found by a cell's id."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.contract import Columns
from cellquery.data.readers.ids import ById
from cellquery.data.readers.tables import Table, open_table


@dataclass(frozen=True, slots=True)
class Facts:
    """What tables say of one cell, by the name they give it, and where."""

    name: str
    origin: str
    pattern: str | None = None
    specimen: str | None = None
    intensity: str | None = None


@dataclass(frozen=True)
class FactColumns:
    """The columns of one table that name a cell and say something of it."""

    id: str
    pattern: str | None = None
    specimen: str | None = None
    intensity: str | None = None


def read_facts(table: Table, columns: FactColumns, into: ById[Facts]) -> None:
    """Add every row of a table; InputError when a row has no id or contradicts another."""
    for origin, row in table.rows():
        name = row[columns.id]
        if name is None:
            raise InputError(origin, f"no {columns.id!r}", "fill it in or remove the line")
        pattern, specimen, intensity = (
            row[column] if column else None
            for column in (columns.pattern, columns.specimen, columns.intensity)
        )
        known = into.get(name)
        new = Facts(name, origin, pattern, specimen, intensity)
        into.put(name, _joined(known, new) if known else new)


def facts_from(path: Path, asked: Columns) -> ById[Facts]:
    """Return the facts in a csv or Parquet table with an id column and any of the others.

    Raises
    ------
    InputError
        When the table has no id column or none of the others.
    """
    table = open_table(path)
    cell_id = table.column("id", asked.id)
    if cell_id is None:
        raise InputError(
            path,
            "no column of cell ids",
            f"name one of its columns with --id-column: {', '.join(table.columns)}",
        )
    columns = FactColumns(
        cell_id,
        pattern=table.column("pattern", asked.pattern),
        specimen=table.column("specimen", asked.specimen),
        intensity=table.column("intensity", asked.intensity),
    )
    if not (columns.pattern or columns.specimen or columns.intensity):
        raise InputError(
            path,
            "no column of patterns, specimens or intensities",
            "name one with --pattern-column, --specimen-column or --intensity-column",
        )
    facts: ById[Facts] = ById()
    read_facts(table, columns, facts)
    return facts


def _joined(known: Facts, new: Facts) -> Facts:
    joined = known
    for field in ("pattern", "specimen", "intensity"):
        before, after = getattr(known, field), getattr(new, field)
        if before and after and before.casefold() != after.casefold():
            raise InputError(
                new.origin,
                f"cell {new.name!r} has {field} {after!r} here and {before!r} in {known.origin}",
                "keep one of the two rows",
            )
        if after and not before:
            joined = replace(joined, **{field: after})
    return joined
