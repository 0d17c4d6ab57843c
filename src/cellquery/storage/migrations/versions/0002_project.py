"""Some cells of the project, by which a database knows it."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "project",
        sql.Column("cell_id", sql.String(512), primary_key=True),
        sql.Column("digest", sql.String(64), nullable=False),
    )
