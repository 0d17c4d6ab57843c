"""Whose turn is which cell: a lease holds a reading of a cell for one account, for a while."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from cellquery.storage import schema
from cellquery.storage.database import Database, now

_TABLE = schema.leases


class Leases:
    """The leases in a database.

    Parameters
    ----------
    database : Database
    lease_s : float
        How long a cell stays with whoever was given it, in seconds.
    """

    def __init__(self, database: Database, lease_s: float = 900.0) -> None:
        self.database = database
        self.lease_s = lease_s

    def take(
        self, annotator: str, wanted: Sequence[tuple[str, int]], n: int, *, known: int | None = None
    ) -> list[str]:
        """Hold up to n of the wanted (cell, place) for an account and return the cells, in order.

        A place held by another account is passed over; the database decides between two who ask
        at the same moment. Leases that have run out are free again. Whoever wants cells because
        nobody has read them gives the number of the last annotation `known`: what was annotated
        since is passed over too.
        """
        granted: list[str] = []
        until = now() + timedelta(seconds=self.lease_s)
        with self.database.writing() as connection:
            read = set()
            if known is not None:
                newer = sql.select(schema.history.c.cell_id).where(schema.history.c.number > known)
                read = set(connection.execute(newer).scalars())
            left = [each for each in dict.fromkeys(wanted) if each[0] not in read]
            while left and len(granted) < n:
                # As many as are missing; those that others hold are made up for by the next.
                tried, left = left[: n - len(granted)], left[n - len(granted) :]
                got = set(connection.execute(self._upsert(annotator, tried, until)).scalars())
                granted += [cell_id for cell_id, _ in tried if cell_id in got]
        return granted

    def _upsert(
        self, annotator: str, wanted: Sequence[tuple[str, int]], until: datetime
    ) -> sql.Executable:
        """Return the statement that takes what is free, run out, or one's own already."""
        insert = sqlite.insert if self.database.is_sqlite else postgresql.insert
        rows = [
            {"cell_id": cell_id, "place": place, "annotator": annotator, "expires_at": until}
            for cell_id, place in wanted
        ]
        return (
            insert(_TABLE)
            .values(rows)
            .on_conflict_do_update(
                index_elements=["cell_id", "place"],
                set_={"annotator": annotator, "expires_at": until},
                where=(_TABLE.c.annotator == annotator) | (_TABLE.c.expires_at <= now()),
            )
            .returning(_TABLE.c.cell_id)
        )

    def held(self) -> dict[tuple[str, int], str]:
        """Return who holds what: (cell, place) -> account."""
        query = sql.select(_TABLE.c.cell_id, _TABLE.c.place, _TABLE.c.annotator).where(
            _TABLE.c.expires_at > now()
        )
        with self.database.reading() as connection:
            return {(cell, place): name for cell, place, name in connection.execute(query)}

    def give_back(self, annotator: str, ids: Iterable[str]) -> None:
        """End an account's leases of these cells."""
        with self.database.writing() as connection:
            connection.execute(
                _TABLE.delete().where(
                    _TABLE.c.annotator == annotator, _TABLE.c.cell_id.in_(list(ids))
                )
            )
