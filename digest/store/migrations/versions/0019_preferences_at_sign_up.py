"""A sign-up carries preferences; feedback is found by paper."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("mail_requests", sa.Column("preferences", Document, nullable=True))
    op.create_index(op.f("ix_feedback_paper_row_id"), "feedback", ["paper_row_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_feedback_paper_row_id"), table_name="feedback")
    with op.batch_alter_table("mail_requests") as batch:
        batch.drop_column("preferences")
