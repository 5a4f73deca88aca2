"""A third kind of mail, and one small index for all mails that somebody waits for."""

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
    _change_check(_TWO, _THREE)
    op.drop_index("ix_deliveries_open_confirmations", table_name="deliveries")
    _index("ix_deliveries_open_transactional", _TRANSACTIONAL)


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE kind = 'links'")
    op.drop_index("ix_deliveries_open_transactional", table_name="deliveries")
    _index("ix_deliveries_open_confirmations", _CONFIRMATION)
    _change_check(_THREE, _TWO)


def _change_check(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _write_check(old, new)
        return
    op.drop_constraint(op.f(_NAME), "deliveries", type_="check")
    op.create_check_constraint(op.f(_NAME), "deliveries", new)


def _write_check(old: str, new: str) -> None:
    """Change the words of the table, as SQLite's manual has it for a change that touches no row.

    The other way, a copy of the table in its place, would take all picks along: they go with their delivery,
    and a migration, being one transaction, cannot switch that off.
    """
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new) "
            "WHERE type = 'table' AND name = 'deliveries' AND instr(sql, :old) > 0"
        ),
        {"old": old, "new": new},
    ).rowcount
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    # Has this connection read the tables' words again, too.
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    if changed != 1:
        raise RuntimeError(f"the table deliveries does not say {old}")


def _index(name: str, where: sa.TextClause) -> None:
    op.create_index(name, "deliveries", ["next_try_at", "id"], postgresql_where=where, sqlite_where=where)
