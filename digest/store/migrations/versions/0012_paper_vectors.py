"""Dense vectors of papers, for installations with an embedding model."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "paper_vectors",
        sa.Column("paper_row_id", BigId, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_row_id"],
            ["papers.id"],
            name=op.f("fk_paper_vectors_paper_row_id_papers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("paper_row_id", "model", name=op.f("pk_paper_vectors")),
    )


def downgrade() -> None:
    op.drop_table("paper_vectors")
