"""Papers have the ORCID iDs of their authors."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "author_orcids",
        sa.Column("paper_row_id", BigId, nullable=False),
        sa.Column("orcid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_row_id"],
            ["papers.id"],
            name=op.f("fk_author_orcids_paper_row_id_papers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("paper_row_id", "orcid", name=op.f("pk_author_orcids")),
    )
    op.create_index(op.f("ix_author_orcids_orcid_name"), "author_orcids", ["orcid", "name"])


def downgrade() -> None:
    op.drop_table("author_orcids")
