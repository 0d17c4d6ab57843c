"""The first schema."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "accounts",
        sql.Column("name", sql.String(64), primary_key=True),
        sql.Column("role", sql.String(16), nullable=False),
        sql.Column("password_hash", sql.String(256)),
        sql.Column("active", sql.Boolean, nullable=False),
        sql.Column("created_at", sql.DateTime, nullable=False),
    )
    op.create_table(
        "tokens",
        sql.Column("digest", sql.String(64), primary_key=True),
        sql.Column("purpose", sql.String(16), nullable=False),
        sql.Column("account", sql.String(64), nullable=False),
        sql.Column("expires_at", sql.DateTime, nullable=False),
    )
    op.create_table(
        "failures",
        sql.Column("number", sql.Integer, primary_key=True),
        sql.Column("account", sql.String(64), nullable=False),
        sql.Column("at", sql.DateTime, nullable=False),
    )
    op.create_index("ix_failures_account", "failures", ["account"])
    op.create_table(
        "annotations",
        sql.Column("number", sql.Integer, primary_key=True),
        sql.Column("key", sql.String(64), nullable=False),
        sql.Column("cell_id", sql.String(512), nullable=False),
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
        sql.UniqueConstraint("key", name="uq_annotations_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_annotations_cell_id", "annotations", ["cell_id"])
    op.create_table(
        "leases",
        sql.Column("cell_id", sql.String(512), primary_key=True),
        sql.Column("place", sql.Integer, primary_key=True),
        sql.Column("annotator", sql.String(64), nullable=False),
        sql.Column("expires_at", sql.DateTime, nullable=False),
    )
    op.create_index("ix_leases_annotator", "leases", ["annotator"])
