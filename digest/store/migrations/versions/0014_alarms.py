"""Alarms and the turns of checking them, and deliveries by edition for reports."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_bad", sa.Boolean(), nullable=False),
        sa.Column("since_at", Instant, nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("told_bad", sa.Boolean(), nullable=False),
        sa.Column("told_at", Instant, nullable=True),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alarms")),
    )
    op.create_table(
        "turns",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_turns")),
    )
    op.create_index(op.f("ix_deliveries_edition_on"), "deliveries", ["edition_on"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index(op.f("ix_deliveries_edition_on"), "deliveries")
    op.drop_table("turns")
    op.drop_table("alarms")
