"""More kinds of mail, the layout of digests, summaries of papers, and opinions about digests."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_OLD_KINDS = "'digest', 'confirm', 'links'"
_NEW_KINDS = "'digest', 'confirm', 'links', 'welcome', 'weekly', 'catch_up', 'goodbye'"
_ADDED_KINDS = "'welcome', 'weekly', 'catch_up', 'goodbye'"
_OLD_OPEN = "next_try_at IS NOT NULL AND kind <> 'digest'"
_NEW_OPEN = "next_try_at IS NOT NULL AND kind IN ('confirm', 'links', 'welcome', 'goodbye')"
_LAYOUTS = "layout IN ('full', 'compact', 'text')"
_INDEX = "ix_deliveries_open_transactional"


def upgrade() -> None:
    op.add_column("papers", sa.Column("summary", sa.Text(), nullable=False, server_default=sa.text("''")))
    # As one statement: SQLite would copy the whole table to add a constraint by itself.
    op.execute(
        "ALTER TABLE subscribers ADD COLUMN layout TEXT NOT NULL DEFAULT 'full' "
        f"CONSTRAINT ck_subscribers_layout CHECK ({_LAYOUTS})"
    )
    op.create_table(
        "summary_calls",
        sa.Column("paper_row_id", BigId, nullable=False),
        sa.Column("called_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_row_id"],
            ["papers.id"],
            name=op.f("fk_summary_calls_paper_row_id_papers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("paper_row_id", "called_on", name=op.f("pk_summary_calls")),
    )
    op.create_index(op.f("ix_summary_calls_called_on"), "summary_calls", ["called_on"])
    op.drop_index(_INDEX, table_name="deliveries")
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("opinion", sa.Text(), nullable=True))
        batch.drop_constraint(op.f("ck_deliveries_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_deliveries_kind"), f"kind IN ({_NEW_KINDS})")
        batch.create_check_constraint(op.f("ck_deliveries_opinion"), "opinion IN ('yes', 'no')")
    _index(_NEW_OPEN)
    _change_reports(_NEW_KINDS)


def downgrade() -> None:
    # Reports of the added kinds keep their outcome.
    op.execute(f"UPDATE inbound_reports SET mail_kind = NULL WHERE mail_kind IN ({_ADDED_KINDS})")  # noqa: S608
    _change_reports(_OLD_KINDS)
    added = f"SELECT id FROM deliveries WHERE kind IN ({_ADDED_KINDS})"  # noqa: S608 - our own words
    op.execute(f"DELETE FROM picks WHERE delivery_id IN ({added})")  # noqa: S608 - our own words
    op.execute(f"DELETE FROM deliveries WHERE id IN ({added})")  # noqa: S608 - our own words
    op.drop_index(_INDEX, table_name="deliveries")
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_constraint(op.f("ck_deliveries_opinion"), type_="check")
        batch.drop_constraint(op.f("ck_deliveries_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_deliveries_kind"), f"kind IN ({_OLD_KINDS})")
        batch.drop_column("opinion")
    _index(_OLD_OPEN)
    with op.batch_alter_table("subscribers") as batch:
        batch.drop_constraint(op.f("ck_subscribers_layout"), type_="check")
        batch.drop_column("layout")
    op.drop_table("summary_calls")
    op.drop_column("papers", "summary")


def _change_reports(kinds: str) -> None:
    with op.batch_alter_table("inbound_reports") as batch:
        batch.drop_constraint(op.f("ck_inbound_reports_mail_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_inbound_reports_mail_kind"), f"mail_kind IN ({kinds})")


def _index(condition: str) -> None:
    where = sa.text(condition)
    op.create_index(_INDEX, "deliveries", ["next_try_at", "id"], postgresql_where=where, sqlite_where=where)
