"""Old mails are reduced to the ids of their papers and to counts.

Deleting a delivery or a card searched all picks, because no index of theirs begins with it. The foreign keys are
dropped; whoever deletes deliveries deletes their picks.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_PICKS = {"sqlite_with_rowid": False}


def upgrade() -> None:
    with op.batch_alter_table("picks", table_kwargs=_PICKS) as batch:
        batch.drop_constraint("fk_picks_delivery_id_deliveries", type_="foreignkey")
        batch.drop_constraint("fk_picks_card_id_cards", type_="foreignkey")
    op.add_column("cards", sa.Column("used_on", sa.Date(), nullable=True))
    # The day of the last use is not known: the newest edition is the latest possible.
    op.execute("UPDATE cards SET used_on = (SELECT max(edition_on) FROM deliveries)")
    # A card that no delivery can use any more.
    op.execute("UPDATE cards SET used_on = '1970-01-01' WHERE used_on IS NULL")
    with op.batch_alter_table("cards") as batch:
        batch.alter_column("used_on", existing_type=sa.Date(), nullable=False)
    op.create_index(op.f("ix_cards_used_on"), "cards", ["used_on"])
    op.create_table(
        "received_papers",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("month_on", sa.Date(), nullable=False),
        sa.Column("through_row_id", BigId, nullable=False),
        sa.Column("paper_row_ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_received_papers_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "month_on", name=op.f("pk_received_papers")),
    )
    op.create_index(
        op.f("ix_received_papers_subscriber_id_through_row_id"),
        "received_papers",
        ["subscriber_id", "through_row_id"],
    )
    op.create_table(
        "delivery_counts",
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("settled_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("edition_on", "kind", "status", "reason", name=op.f("pk_delivery_counts")),
    )
    op.create_table(
        "retention_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_retention_marks")),
    )


def downgrade() -> None:
    op.drop_table("retention_marks")
    op.drop_table("delivery_counts")
    op.drop_table("received_papers")
    op.drop_index(op.f("ix_cards_used_on"), table_name="cards")
    with op.batch_alter_table("cards") as batch:
        batch.drop_column("used_on")
    with op.batch_alter_table("picks", table_kwargs=_PICKS) as batch:
        batch.create_foreign_key("fk_picks_card_id_cards", "cards", ["card_id"], ["id"])
        batch.create_foreign_key(
            "fk_picks_delivery_id_deliveries", "deliveries", ["delivery_id"], ["id"], ondelete="CASCADE"
        )
