"""What happened to each address that may not be written to, and a quick look for schedules that strayed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
# The parent in the chain; only this line changes when another revision comes in between.
down_revision = "0004"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EVENT = "event IN ('unsubscribed', 'returned', 'erased', 'suppressed', 'lifted')"


def upgrade() -> None:
    op.create_table(
        "suppression_log",
        sa.Column("id", BigId, nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("happened_at", Instant, nullable=False),
        sa.CheckConstraint(_EVENT, name=op.f("ck_suppression_log_event")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_log")),
        sa.UniqueConstraint(
            "address_hash", "event", "happened_at", name="uq_suppression_log_address_hash_event_happened_at"
        ),
    )
    op.add_column("suppressions", sa.Column("former_status", sa.Text(), nullable=True))
    op.create_index(op.f("ix_subscribers_frequency_next_due_at"), "subscribers", ["frequency", "next_due_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_subscribers_frequency_next_due_at"), table_name="subscribers")
    op.drop_column("suppressions", "former_status")
    op.drop_table("suppression_log")
