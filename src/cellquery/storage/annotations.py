"""The append-only history of annotations: what is current is derived from it, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from cellquery.storage import schema
from cellquery.storage.database import Database, now
from cellquery.storage.records import Annotation, NewAnnotation

_TABLE = schema.history


class Annotations:
    """The history in a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, new: Sequence[NewAnnotation]) -> list[int]:
        """Store annotations, all or none, and return their numbers once they are on the disk.

        One whose key is there already is not stored again; the number is that of the first time.
        Whoever annotated gives back the cell's lease.
        """
        if not new:
            return []
        keys = [each.key for each in new]
        rows = [{**_plain(each), "at": now()} for each in new]
        with self.database.writing() as connection:
            if not self.database.is_sqlite:
                # Numbers become visible in their order, so that `since` misses none.
                connection.exec_driver_sql("LOCK TABLE annotations IN SHARE ROW EXCLUSIVE MODE")
            insert = sqlite.insert if self.database.is_sqlite else postgresql.insert
            connection.execute(insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]), rows)
            for name in {each.annotator for each in new}:
                cells = [each.cell_id for each in new if each.annotator == name]
                connection.execute(
                    schema.leases.delete().where(
                        schema.leases.c.annotator == name, schema.leases.c.cell_id.in_(cells)
                    )
                )
            found = connection.execute(
                sql.select(_TABLE.c.key, _TABLE.c.number).where(_TABLE.c.key.in_(keys))
            )
            numbers: dict[str, int] = dict(iter(found))
        return [numbers[key] for key in keys]

    def since(self, number: int = 0) -> list[Annotation]:
        """Return all annotations after one, oldest first."""
        return self._found(_TABLE.c.number > number)

    def of_cell(self, cell_id: str) -> list[Annotation]:
        """Return the history of a cell, oldest first."""
        return self._found(_TABLE.c.cell_id == cell_id)

    def with_key(self, key: str) -> Annotation | None:
        """Return the annotation stored under a key."""
        return next(iter(self._found(_TABLE.c.key == key)), None)

    def _found(self, condition: Any) -> list[Annotation]:
        query = sql.select(_TABLE).where(condition).order_by(_TABLE.c.number)
        with self.database.reading() as connection:
            return [Annotation(**row) for row in connection.execute(query).mappings()]


def _plain(new: NewAnnotation) -> dict[str, Any]:
    # NumPy numbers would be stored as blobs by SQLite.
    values = asdict(new)
    return {
        **values,
        "seconds": float(new.seconds),
        "keystrokes": int(new.keystrokes),
        "shown": bool(new.shown),
        "settles": bool(new.settles),
    }
