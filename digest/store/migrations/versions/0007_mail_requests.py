"""Requests for mail wait in a table, and confirmations are counted by mailbox."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail_requests",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("requested_at", Instant, nullable=False),
        sa.CheckConstraint("kind IN ('confirm', 'links')", name=op.f("ck_mail_requests_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_requests")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "confirmation_counts",
        sa.Column("mailbox_hash", sa.Text(), nullable=False),
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_hash", "counted_on", name=op.f("pk_confirmation_counts")),
    )


def downgrade() -> None:
    op.drop_table("confirmation_counts")
    op.drop_table("mail_requests")
