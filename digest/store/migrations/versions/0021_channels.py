"""A team's digest is posted to chat channels: their addresses, a kind of delivery and a stream."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_OLD_KINDS = "'digest', 'confirm', 'links', 'welcome', 'weekly', 'catch_up', 'goodbye'"
_NEW_KINDS = f"{_OLD_KINDS}, 'post'"
_OLD_STREAMS = "'transactional', 'digest'"
_NEW_STREAMS = f"{_OLD_STREAMS}, 'chat'"
_INDEX = "ix_deliveries_open_posts"


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("service", sa.Text(), nullable=True))
    op.create_table(
        "channels",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_channels_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_channels")),
        sa.UniqueConstraint("address_hash", name=op.f("uq_channels_address_hash")),
    )
    _change(_NEW_KINDS, _NEW_STREAMS)
    where = sa.text("next_try_at IS NOT NULL AND kind = 'post'")
    op.create_index(_INDEX, "deliveries", ["next_try_at", "id"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    # SQLite does not delete by foreign keys while it upgrades.
    owned = "subscriber_id IN (SELECT id FROM subscribers WHERE service IS NOT NULL)"
    inspector = sa.inspect(op.get_bind())
    for table in inspector.get_table_names():
        if any(column["name"] == "subscriber_id" for column in inspector.get_columns(table)):
            op.execute(f"DELETE FROM {table} WHERE {owned}")  # noqa: S608 - our own names
    op.execute("DELETE FROM subscribers WHERE service IS NOT NULL")
    op.execute("DELETE FROM server_answers WHERE stream = 'chat'")
    op.drop_index(_INDEX, table_name="deliveries")
    _change(_OLD_KINDS, _OLD_STREAMS)
    op.drop_table("channels")
    op.drop_column("subscribers", "service")


def _change(kinds: str, streams: str) -> None:
    for table, name, condition in (
        ("deliveries", "kind", f"kind IN ({kinds})"),
        ("inbound_reports", "mail_kind", f"mail_kind IN ({kinds})"),
        ("server_answers", "stream", f"stream IN ({streams})"),
    ):
        constraint = op.f(f"ck_{table}_{name}")
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(constraint, type_="check")
            batch.create_check_constraint(constraint, condition)
