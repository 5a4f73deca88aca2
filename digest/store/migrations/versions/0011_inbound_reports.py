"""Mail that comes back: what it was and what was done, soft bounces by edition, and mails bounced of those taken."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_KINDS = "'unsubscribe', 'bounce', 'complaint', 'auto_reply', 'reply'"
_OUTCOMES = (
    "'unsubscribed', 'suppressed', 'suspected', 'counted', 'paused', 'noted', 'alarmed', 'forwarded', 'unmatched', "
    "'repeated'"
)
_SEVERITIES = "'hard', 'soft', 'delayed', 'policy'"
_MATCHES = "'return_path', 'token', 'message_id', 'recipient'"
_MAIL_KINDS = "'digest', 'confirm', 'links'"


def _one_of(column: str, words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({words})", name=op.f(f"ck_inbound_reports_{column}"))


def upgrade() -> None:
    op.add_column("server_answers", sa.Column("bounced", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "inbound_reports",
        sa.Column("id", BigId, nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column("subscriber_id", BigId, nullable=True),
        sa.Column("mail_kind", sa.Text(), nullable=True),
        sa.Column("edition_on", sa.Date(), nullable=True),
        _one_of("kind", _KINDS),
        _one_of("outcome", _OUTCOMES),
        _one_of("severity", _SEVERITIES),
        _one_of("matched_by", _MATCHES),
        _one_of("mail_kind", _MAIL_KINDS),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_inbound_reports_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_reports")),
        sa.UniqueConstraint("content_sha256", name=op.f("uq_inbound_reports_content_sha256")),
    )
    op.create_index(op.f("ix_inbound_reports_received_at"), "inbound_reports", ["received_at"])
    op.create_index(op.f("ix_inbound_reports_subscriber_id"), "inbound_reports", ["subscriber_id"])
    op.create_table(
        "soft_bounces",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("bounced_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_soft_bounces_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_on", name=op.f("pk_soft_bounces")),
    )


def downgrade() -> None:
    op.drop_table("soft_bounces")
    op.drop_table("inbound_reports")
    op.drop_column("server_answers", "bounced")
