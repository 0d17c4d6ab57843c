"""Whose turn is which cell: a lease holds a reading of a cell for one account, for a while."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

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

    def take(self, annotator: str, wanted: Sequence[tuple[str, int]], n: int) -> list[str]:
        """Hold up to n of the wanted (cell, place) for an account and return the cells, in order.

        A place held by another account is passed over; the database decides between two who ask
        at the same moment. Leases that have run out are free again.
        """
        granted: list[str] = []
        insert = sqlite.insert if self.database.is_sqlite else postgresql.insert
        until = now() + timedelta(seconds=self.lease_s)
        with self.database.writing() as connection:
            connection.execute(_TABLE.delete().where(_TABLE.c.expires_at <= now()))
            for cell_id, place in wanted:
                if len(granted) == n:
                    break
                row = {
                    "cell_id": cell_id,
                    "place": place,
                    "annotator": annotator,
                    "expires_at": until,
                }
                # Taking one's own lease again makes it longer.
                statement = (
                    insert(_TABLE)
                    .values(row)
                    .on_conflict_do_update(
                        index_elements=["cell_id", "place"],
                        set_={"expires_at": until},
                        where=_TABLE.c.annotator == annotator,
                    )
                )
                if connection.execute(statement.returning(_TABLE.c.cell_id)).first():
                    granted.append(cell_id)
        return granted

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
