"""Subscribers of a team share topics and ratings."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("team", sa.Text(), nullable=True))
    op.create_index(op.f("ix_subscribers_team"), "subscribers", ["team"])
    for table in ("feedback", "pending_feedback"):
        op.add_column(table, sa.Column("from_team", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for table in ("pending_feedback", "feedback"):
        op.drop_column(table, "from_team")
    op.drop_index(op.f("ix_subscribers_team"), table_name="subscribers")
    op.drop_column("subscribers", "team")
