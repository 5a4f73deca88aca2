"""Columns get the names that the code uses.

`paper_id` is the text id of a paper, `paper_row_id` the key of its row; a hash is `content_sha256`, because a
digest is a mail; `failures` counts the attempts that failed in a row.

Renaming a column changes no row. On SQLite the tables whose unique constraint carries the name of the column are
built anew, because SQLite cannot rename a constraint.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = [
    ("papers", "canonical_id", "paper_id"),
    ("pending_feedback", "canonical_id", "paper_id"),
    ("paper_terms", "paper_id", "paper_row_id"),
    ("popularity", "paper_id", "paper_row_id"),
    ("feedback", "paper_id", "paper_row_id"),
    ("picks", "paper_id", "paper_row_id"),
    ("term_statistics", "through_paper_id", "through_row_id"),
    ("deliveries", "digest", "content_sha256"),
    ("cards", "digest", "content_sha256"),
    ("circuits", "trips", "failures"),
]
_UNIQUE = [("papers", "canonical_id", "paper_id"), ("cards", "digest", "content_sha256")]
_FOREIGN_KEYS = ["paper_terms", "popularity", "feedback", "picks"]
_INDEX = "ix_pending_feedback_canonical_id", "ix_pending_feedback_paper_id"


def upgrade() -> None:
    for table, old, new in _COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    for table, old, new in _UNIQUE:
        _rename_unique(table, new, f"uq_{table}_{old}", f"uq_{table}_{new}")
    _rename_foreign_keys("paper_id", "paper_row_id")
    op.drop_index(_INDEX[0], table_name="pending_feedback")
    op.create_index(_INDEX[1], "pending_feedback", ["paper_id"])


def downgrade() -> None:
    op.drop_index(_INDEX[1], table_name="pending_feedback")
    for table, old, new in reversed(_COLUMNS):
        op.alter_column(table, new, new_column_name=old)
    for table, old, new in _UNIQUE:
        _rename_unique(table, old, f"uq_{table}_{new}", f"uq_{table}_{old}")
    _rename_foreign_keys("paper_row_id", "paper_id")
    op.create_index(_INDEX[0], "pending_feedback", ["canonical_id"])


def _rename_unique(table: str, column: str, old: str, new: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
        return
    is_sequence = table == "papers"
    highest = _highest_key(table) if is_sequence else None
    with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": is_sequence}) as batch:
        batch.drop_constraint(old, type_="unique")
        batch.create_unique_constraint(op.f(new), [column])
    if highest is not None:
        # The new table counts from its last row; a key that was given to a deleted row is never given again.
        statement = sa.text("UPDATE sqlite_sequence SET seq = :highest WHERE name = :table")
        op.get_bind().execute(statement, {"highest": highest, "table": table})


def _highest_key(table: str) -> int | None:
    query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    highest: int | None = op.get_bind().execute(query, {"table": table}).scalar_one_or_none()
    return highest


def _rename_foreign_keys(old: str, new: str) -> None:
    # SQLite shows the name of a foreign key nowhere.
    if op.get_bind().dialect.name != "sqlite":
        for table in _FOREIGN_KEYS:
            op.execute(
                f"ALTER TABLE {table} RENAME CONSTRAINT fk_{table}_{old}_papers TO fk_{table}_{new}_papers"
            )
