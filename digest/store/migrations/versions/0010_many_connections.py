"""Which mails are in flight on which connection, and the pace that providers ask for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("server_answers", sa.Column("last_taken_at", Instant, nullable=True))
    # Rewritten for every mail and worth nothing after a crash, so PostgreSQL need not log it.
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "in_flight",
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("subscriber_id", BigId, nullable=True),
        sa.Column("since_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("sender", "slot", name=op.f("pk_in_flight")),
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )
    op.create_table(
        "account_paces",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("mails_per_second", sa.Float(), nullable=False),
        sa.Column("ceiling", sa.Float(), nullable=False),
        sa.Column("slowed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_account_paces")),
    )


def downgrade() -> None:
    op.drop_table("account_paces")
    op.drop_table("in_flight")
    op.drop_column("server_answers", "last_taken_at")
