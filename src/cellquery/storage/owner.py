"""Whose labels a database holds: it knows some cells of its project, and their images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import sqlalchemy as sql

from cellquery.core import ProjectError
from cellquery.storage import schema
from cellquery.storage.database import Database

_SAMPLE = 64


def claim(database: Database, digests: Mapping[str, str]) -> None:
    """Make a new database that of a project; refuse one that is another project's.

    Parameters
    ----------
    database : Database
    digests : mapping of str to str
        Digest of the image file of every cell of the project, by the cell's id.

    Raises
    ------
    ProjectError
        When most cells that it knows are not there, or have other images.
    """
    if known := _known(database):
        check_cells(known, digests, database.name)
        return
    ids = sorted(digests)[:: max(1, len(digests) // _SAMPLE)]
    try:
        with database.writing() as connection:
            read = connection.execute(sql.select(schema.history.c.cell_id).distinct()).scalars()
            # Made by an earlier version, it knows nothing but the cells that were read.
            check_read(read, digests, database.name)
            rows = [{"cell_id": cell_id, "digest": digests[cell_id]} for cell_id in ids]
            if rows:
                connection.execute(schema.project.insert(), rows)
    except sql.exc.IntegrityError:
        # Another process was faster.
        check_cells(_known(database), digests, database.name)


def identity(database: Database) -> str:
    """Return what tells the project of a database from others, in letters and digits."""
    rows = "\n".join(f"{cell_id}\0{digest}" for cell_id, digest in sorted(_known(database).items()))
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def check_cells(known: Mapping[str, str], digests: Mapping[str, str], where: object) -> None:
    """Refuse cells of which most are not the project's: see `claim`."""
    n_same = sum(digests.get(cell_id) == digest for cell_id, digest in known.items())
    if 2 * n_same < len(known):
        raise ProjectError(
            str(where),
            "holds labels of another project",
            "give each project a database and backups of its own",
        )


def check_read(read: Iterable[str], digests: Mapping[str, str], where: object) -> None:
    """Refuse labels of cells that the project does not have."""
    strange = next((cell_id for cell_id in read if cell_id not in digests), None)
    if strange is not None:
        raise ProjectError(
            str(where),
            f"holds labels of '{strange}', which is no cell of this project",
            "give each project a database and backups of its own, or import all of its cells first",
        )


def _known(database: Database) -> dict[str, str]:
    with database.reading() as connection:
        rows = connection.execute(sql.select(schema.project.c.cell_id, schema.project.c.digest))
        return {row.cell_id: row.digest for row in rows}
