"""A table, csv or Parquet, with one row a cell: path, and pattern, specimen, intensity if known.

Paths are relative to the table's folder. The id is that of an id column, else the path without its
suffix. A folder that holds one such table stands for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cellquery.core import InputError
from cellquery.data.readers.contract import Columns, Layout, ReaderOptions, Source
from cellquery.data.readers.folders import PARTS
from cellquery.data.readers.tables import TABLE_SUFFIXES, Table, open_table, tables_in
from cellquery.data.records import SourceCell

NAME = "table"
_SHOWN = 8


def recognises(source: Path, options: ReaderOptions) -> bool:
    """Return whether the source is a table, or a folder with one table of paths."""
    return _table_file(source) is not None


def read(source: Path, options: ReaderOptions) -> Source:
    """Return the cells that the table names, in its order.

    Raises
    ------
    InputError
        When there is no such table or a column is missing.
    """
    file = _table_file(source)
    if file is None:
        raise InputError(
            source, "neither a table nor a folder with one table of paths", "name the table itself"
        )
    table = open_table(file)
    names = _found(table, options.columns)
    # Patterns in a table of annotations, whose column is then asked for, make up for the missing.
    wanted = options.labelled and options.annotations is None
    notices = _without_patterns(table, names) if wanted else ()
    return Source(NAME, file.parent, lambda: _cells(table, names), notices)


def _found(table: Table, asked: Columns) -> Columns:
    found = Columns(
        **{
            meaning: table.column(meaning, getattr(asked, meaning))
            for meaning in ("id", "path", "pattern", "specimen", "intensity", "mask", "part")
        }
    )
    if found.path is None:
        raise InputError(
            table.path,
            "no column 'path'",
            f"name one of its columns with --path-column: {', '.join(table.columns)}",
        )
    return found


def _without_patterns(table: Table, names: Columns) -> tuple[str, ...]:
    """Return what to say of the columns of a table when none of them is taken for patterns."""
    used = vars(names).values()
    unused = [repr(each.strip()) for each in table.columns if each.strip() and each not in used]
    if names.pattern is not None or not unused:
        return ()
    listed = ", ".join(unused[:_SHOWN])
    if len(unused) > _SHOWN:
        listed += f" and {len(unused) - _SHOWN} more"
    return (
        f"{table.path} gives no pattern: not used are its columns {listed}; "
        "if one of them holds patterns, name it with --pattern-column",
    )


def _cells(table: Table, names: Columns) -> Iterator[SourceCell]:
    folder = table.path.parent
    for origin, row in table.rows():

        def value(column: str | None, row: dict[str, str | None] = row) -> str | None:
            return row[column] if column else None

        path, mask, part = value(names.path), value(names.mask), value(names.part)
        if path is None:
            raise InputError(origin, f"no {names.path!r}", "fill it in or remove the line")
        yield SourceCell(
            cell_id=value(names.id) or os.path.splitext(path)[0].replace(os.sep, "/"),
            path=os.path.join(folder, path),
            mask_path=os.path.join(folder, mask) if mask else None,
            pattern=value(names.pattern),
            specimen=value(names.specimen),
            intensity=value(names.intensity),
            part=PARTS.get(part.lower(), part) if part else None,
            origin=origin,
        )


def _table_file(source: Path) -> Path | None:
    if source.is_file():
        return source if source.suffix.lower() in TABLE_SUFFIXES else None
    if not source.is_dir():
        return None
    tables = [table.path for table in tables_in(source) if table.column("path")]
    return tables[0] if len(tables) == 1 else None


LAYOUT = Layout(NAME, "table of paths (csv or Parquet)", recognises, read)
