"""Circuits of mail servers, and indexes that keep a claim's cost flat however many deliveries wait."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)

_OPEN = sa.text("next_try_at IS NOT NULL")
_OPEN_CONFIRMATION = sa.text("next_try_at IS NOT NULL AND kind = 'confirm'")


def upgrade() -> None:
    op.create_table(
        "circuits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("try_again_at", Instant, nullable=False),
        sa.Column("trips", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_circuits")),
    )
    op.drop_index("ix_deliveries_open", table_name="deliveries")
    _index("ix_deliveries_open", ["next_try_at", "id"], _OPEN)
    _index("ix_deliveries_open_confirmations", ["next_try_at", "id"], _OPEN_CONFIRMATION)


def downgrade() -> None:
    op.drop_index("ix_deliveries_open_confirmations", table_name="deliveries")
    op.drop_index("ix_deliveries_open", table_name="deliveries")
    _index("ix_deliveries_open", ["next_try_at"], _OPEN)
    op.drop_table("circuits")


def _index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "deliveries", columns, postgresql_where=where, sqlite_where=where)
