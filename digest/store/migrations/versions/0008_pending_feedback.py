"""What subscribers said of papers that are not stored yet."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pending_feedback",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("canonical_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("given_at", Instant, nullable=False),
        sa.Column("asked_at", Instant, nullable=True),
        sa.CheckConstraint("verdict IN ('more', 'less')", name=op.f("ck_pending_feedback_verdict")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_pending_feedback_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "canonical_id", name=op.f("pk_pending_feedback")),
    )
    op.create_index("ix_pending_feedback_canonical_id", "pending_feedback", ["canonical_id"])


def downgrade() -> None:
    op.drop_table("pending_feedback")
