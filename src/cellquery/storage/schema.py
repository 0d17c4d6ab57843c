"""The tables, as the newest migration leaves them; a test holds the two against each other."""

from __future__ import annotations

import sqlalchemy as sql

metadata = sql.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

accounts = sql.Table(
    "accounts",
    metadata,
    sql.Column("name", sql.String(64), primary_key=True),
    sql.Column("role", sql.String(16), nullable=False),
    sql.Column("password_hash", sql.String(256)),
    sql.Column("active", sql.Boolean, nullable=False),
    sql.Column("created_at", sql.DateTime, nullable=False),
)

# Tokens are kept as digests only: a stolen copy of the database signs nobody in.
tokens = sql.Table(
    "tokens",
    metadata,
    sql.Column("digest", sql.String(64), primary_key=True),
    sql.Column("purpose", sql.String(16), nullable=False),
    sql.Column("account", sql.String(64), nullable=False),
    sql.Column("expires_at", sql.DateTime, nullable=False),
)

failures = sql.Table(
    "failures",
    metadata,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("account", sql.String(64), nullable=False, index=True),
    sql.Column("at", sql.DateTime, nullable=False),
)

history = sql.Table(
    "annotations",
    metadata,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("key", sql.String(64), nullable=False, unique=True),
    sql.Column("cell_id", sql.String(512), nullable=False, index=True),
    sql.Column("annotator", sql.String(64), nullable=False),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("pattern", sql.String(64)),
    sql.Column("way", sql.String(16), nullable=False),
    sql.Column("model", sql.String(128), nullable=False),
    sql.Column("suggestion", sql.String(64)),
    sql.Column("shown", sql.Boolean, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),
    sql.Column("keystrokes", sql.Integer, nullable=False),
    sql.Column("settles", sql.Boolean, nullable=False),
    sql.Column("at", sql.DateTime, nullable=False),
    sqlite_autoincrement=True,
)

# Some of its project's cells, with the digests of their images: see `owner`.
project = sql.Table(
    "project",
    metadata,
    sql.Column("cell_id", sql.String(512), primary_key=True),
    sql.Column("digest", sql.String(64), nullable=False),
)

# A cell is read in numbered places: see FIRST and those after it in records.
leases = sql.Table(
    "leases",
    metadata,
    sql.Column("cell_id", sql.String(512), primary_key=True),
    sql.Column("place", sql.Integer, primary_key=True),
    sql.Column("annotator", sql.String(64), nullable=False, index=True),
    sql.Column("expires_at", sql.DateTime, nullable=False),
)
