"""Backups that any database can be restored from: one file of JSON lines, compressed."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from cellquery.core import RESEARCH_USE_ONLY, InputError
from cellquery.core.durable import replacing
from cellquery.storage import schema
from cellquery.storage.database import Database
from cellquery.storage.owner import check_cells, check_read

_FORMAT = "cellquery backup"
# Leases, tokens and failed sign-ins are of the moment.
_KEPT: tuple[sql.Table, ...] = (schema.accounts, schema.history)
# A backup of the first schema lacks the table of the project, no more.
_READ_TOO = ("0001",)


def back_up(database: Database, path: Path) -> int:
    """Write accounts and the whole history to a file, also while others annotate.

    Returns
    -------
    int
        How many annotations it holds.
    """
    n_annotations = 0
    with replacing(path) as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8")
        head = {"format": _FORMAT, "revision": database.revision, "notice": RESEARCH_USE_ONLY}
        text.write(json.dumps(head) + "\n")
        with database.reading() as connection:
            for table in (*_KEPT, schema.project):
                order = list(table.primary_key.columns)
                for row in connection.execute(sql.select(table).order_by(*order)).mappings():
                    n_annotations += table is schema.history
                    text.write(json.dumps([table.name, dict(row)], default=_text) + "\n")
        text.flush()
        text.detach()
    return n_annotations


def restore(database: Database, path: Path, digests: Mapping[str, str] | None = None) -> int:
    """Put a backup into a database without accounts and annotations; all of it or nothing.

    Parameters
    ----------
    database : Database
    path : Path
    digests : mapping of str to str, or None
        Of the project's images, by cell: a backup of another project is then refused.

    Raises
    ------
    InputError
        When the file is no whole backup of this schema, or the database is not empty.
    ProjectError
        When it is a backup of another project.
    """
    tables = (*_KEPT, schema.project)
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in tables}
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            head = json.loads(next(lines, "{}"))
            if not isinstance(head, dict) or head.get("format") != _FORMAT:
                raise InputError(
                    path, "is no backup of cellquery", "give a file of cellquery backup"
                )
            if head["revision"] not in (*_READ_TOO, database.revision):
                raise InputError(
                    path,
                    f"is of the schema {head['revision']}, not {database.revision}",
                    "restore it with the version that wrote it, then update",
                )
            for line in lines:
                name, row = json.loads(line)
                rows[name].append(row)
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "give a file of cellquery backup") from error
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"cannot be read ({error})", "give a whole backup") from error
    if digests is not None:
        check_cells({row["cell_id"]: row["digest"] for row in rows["project"]}, digests, path)
        check_read((row["cell_id"] for row in rows["annotations"]), digests, path)
    with database.writing() as connection:
        for table in _KEPT:
            if connection.execute(sql.select(sql.func.count()).select_from(table)).scalar_one():
                raise InputError(database.name, "is not empty", "restore into an empty database")
        for table in _KEPT:
            if rows[table.name]:
                connection.execute(table.insert(), [_typed(table, r) for r in rows[table.name]])
        if not database.is_sqlite and rows["annotations"]:
            connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('annotations', 'number'),"
                " (SELECT max(number) FROM annotations))"
            )
    return len(rows["annotations"])


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value))


def _typed(table: sql.Table, row: dict[str, Any]) -> dict[str, Any]:
    dates = {column.name for column in table.columns if isinstance(column.type, sql.DateTime)}
    return {
        key: datetime.fromisoformat(value) if key in dates else value for key, value in row.items()
    }
