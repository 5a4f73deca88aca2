"""The kind `links`, and one small index of all open transactional mails."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = "ck_deliveries_kind"
_TWO = "kind IN ('digest', 'confirm')"
_THREE = "kind IN ('digest', 'confirm', 'links')"
_CONFIRMATION = sa.text("next_try_at IS NOT NULL AND kind = 'confirm'")
_TRANSACTIONAL = sa.text("next_try_at IS NOT NULL AND kind <> 'digest'")


def upgrade() -> None:
    _change_check(_THREE)
    op.drop_index("ix_deliveries_open_confirmations", table_name="deliveries")
    _index("ix_deliveries_open_transactional", _TRANSACTIONAL)


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE kind = 'links'")
    op.drop_index("ix_deliveries_open_transactional", table_name="deliveries")
    _index("ix_deliveries_open_confirmations", _CONFIRMATION)
    _change_check(_TWO)


def _change_check(condition: str) -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_constraint(op.f(_NAME), type_="check")
        batch.create_check_constraint(op.f(_NAME), condition)


def _index(name: str, where: sa.TextClause) -> None:
    op.create_index(name, "deliveries", ["next_try_at", "id"], postgresql_where=where, sqlite_where=where)
