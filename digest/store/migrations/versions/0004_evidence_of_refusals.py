"""What the mail server answered, so that a refusal is judged before an address is suppressed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "server_answers",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.CheckConstraint("stream IN ('transactional', 'digest')", name=op.f("ck_server_answers_stream")),
        sa.PrimaryKeyConstraint("account", "stream", "edition_on", name=op.f("pk_server_answers")),
    )
    op.create_table(
        "refusals",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("refused_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_refusals_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_on", name=op.f("pk_refusals")),
    )
    # The names of accounts are formed anew; an open circuit breaker would stay open under the old name.
    op.execute("DELETE FROM circuits")


def downgrade() -> None:
    op.drop_table("refusals")
    op.drop_table("server_answers")
