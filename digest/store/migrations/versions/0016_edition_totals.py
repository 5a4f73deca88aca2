"""Reports find the mails settled lately by an index, and the figures of old editions in a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_deliveries_settled_at"), "deliveries", ["settled_at"], postgresql_using="brin")
    op.create_table(
        "edition_totals",
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("delay_seconds", sa.Float(), nullable=True),
        sa.Column("taps", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("edition_on", name=op.f("pk_edition_totals")),
    )


def downgrade() -> None:
    op.drop_table("edition_totals")
    op.drop_index(op.f("ix_deliveries_settled_at"), table_name="deliveries")
