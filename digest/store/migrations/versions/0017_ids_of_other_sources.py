"""Papers have further ids, one work that was stored twice becomes one paper, and citations count as popularity."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("papers", sa.Column("same_work_as", BigId, nullable=True))
    op.create_index(op.f("ix_papers_same_work_as"), "papers", ["same_work_as"])
    op.add_column("popularity", sa.Column("citations", sa.Integer(), nullable=True))
    op.create_table(
        "alternative_ids",
        sa.Column("paper_id", sa.Text(), nullable=False),
        sa.Column("paper_row_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_row_id"],
            ["papers.id"],
            name=op.f("fk_alternative_ids_paper_row_id_papers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_alternative_ids")),
    )
    op.create_index(op.f("ix_alternative_ids_paper_row_id"), "alternative_ids", ["paper_row_id"])


def downgrade() -> None:
    op.drop_table("alternative_ids")
    with op.batch_alter_table("popularity") as batch:
        batch.drop_column("citations")
    op.drop_index(op.f("ix_papers_same_work_as"), table_name="papers")
    op.drop_column("papers", "same_work_as")
