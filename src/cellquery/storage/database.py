"""One SQL database, SQLite or PostgreSQL: opened, brought to the newest schema, committed to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from cellquery.core import ProjectError

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_S = 30


class Database:
    """A database with the schema of this version.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises
    ------
    ProjectError
        When it cannot be reached, or is of a newer version.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sql.make_url(url)
        except sql.exc.ArgumentError as error:
            raise ProjectError(
                "database", "its address is no URL", "give sqlite:///FILE or postgresql://HOST/NAME"
            ) from error
        except ValueError as error:
            # Not shown: what stands in the port's place may be a password with an @ in it.
            raise ProjectError(
                "database",
                "the port in its address is no number",
                "give postgresql://HOST:PORT/NAME, and %40 for an @ in a password",
            ) from error
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif parsed.get_backend_name() != "sqlite":
            raise ProjectError(
                parsed.get_backend_name(),
                "is no database that can be used",
                "use SQLite or PostgreSQL",
            )
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.name = parsed.render_as_string(hide_password=True)
        # SQLite lets one writer in at a time and makes the others poll; queueing here is fairer.
        self._writing: Any = threading.Lock()
        try:
            self.engine = sql.create_engine(parsed, **_options(self.is_sqlite))
            if self.is_sqlite:
                sql.event.listen(self.engine, "connect", _careful)
            with ExitStack() as stack:
                stack.callback(self.close)
                self._migrate()
                stack.pop_all()
        except ModuleNotFoundError as error:
            raise ProjectError(
                self.name, "needs psycopg", "pip install 'cellquery[postgresql]'"
            ) from error
        except sql.exc.ArgumentError as error:
            raise ProjectError(
                self.name, "is no address of a file", "give sqlite:///FILE"
            ) from error
        except sql.exc.DBAPIError as error:
            fault = " ".join(str(error.orig).split())
            raise ProjectError(
                self.name, f"cannot be opened ({fault})", "see that it runs and may be written"
            ) from error

    @classmethod
    def in_file(cls, path: Path) -> Database:
        """Return the SQLite database in a file, made where there is none."""
        return cls(f"sqlite:///{path}")

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """Yield a connection to read from."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """Yield a connection whose work is on the disk when the block ends, or not done at all."""
        with self._queue(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        with self._writing:
            yield

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @property
    def revision(self) -> str | None:
        """The migration that the database stands at."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        newest = ScriptDirectory.from_config(config).get_current_head()
        if self.revision == newest:
            return
        with self.writing() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise ProjectError(
                    self.name, "was made by a newer version", "update cellquery"
                ) from error


def now() -> datetime:
    """Return the time in UTC, as the database keeps it: without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _options(is_sqlite: bool) -> dict[str, Any]:
    if not is_sqlite:
        return {"pool_pre_ping": True, "pool_size": 8, "connect_args": {"connect_timeout": 10}}
    # No implicit BEGIN by the driver: writers begin by themselves, at once, as writers.
    return {"connect_args": {"timeout": _BUSY_S, "isolation_level": None}}


def _careful(connection: Any, record: object) -> None:
    # FULL: a commit is on the disk before it returns, also when the power goes.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
