"""Reports find the mails settled lately without reading the whole ledger."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_deliveries_settled_at"), "deliveries", ["settled_at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index(op.f("ix_deliveries_settled_at"), table_name="deliveries")
