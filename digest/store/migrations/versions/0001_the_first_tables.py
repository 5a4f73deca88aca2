"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Document = sa.JSON().with_variant(JSONB(), "postgresql")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "cards",
        sa.Column("id", BigId, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("contents", Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("digest", name=op.f("uq_cards_digest")),
    )
    op.create_table(
        "fetches",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("newest_on", sa.Date(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'complete', 'partial', 'failed')", name=op.f("ck_fetches_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fetches")),
    )
    op.create_index("ix_fetches_source_started_at", "fetches", ["source", "started_at"], unique=False)
    op.create_table(
        "papers",
        sa.Column("id", BigId, nullable=False),
        sa.Column("canonical_id", sa.Text(), nullable=False),
        sa.Column("title_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("authors", Document, nullable=False),
        sa.Column("categories", Document, nullable=False),
        sa.Column("announced_on", sa.Date(), nullable=False),
        sa.Column("announced_guessed", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("links", Document, nullable=False),
        sa.Column("raw_title", sa.Text(), nullable=False),
        sa.Column("raw_abstract", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
        sa.UniqueConstraint("canonical_id", name=op.f("uq_papers_canonical_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_papers_announced_on", "papers", ["announced_on"], unique=False)
    op.create_index("ix_papers_title_id", "papers", ["title_id"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("hour", sa.SmallInteger(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("max_papers", sa.SmallInteger(), nullable=False),
        sa.Column("next_due_at", Instant, nullable=True),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("confirmed_at", Instant, nullable=True),
        sa.CheckConstraint(
            "frequency IN ('daily', 'weekdays', 'weekly', 'off')", name=op.f("ck_subscribers_frequency")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'paused', 'unsubscribed', 'suppressed')",
            name=op.f("ck_subscribers_status"),
        ),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_subscribers_hour")),
        sa.CheckConstraint("max_papers BETWEEN 1 AND 50", name=op.f("ck_subscribers_max_papers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscribers_address_key")),
        sa.UniqueConstraint("key", name=op.f("uq_subscribers_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_next_due_at", "subscribers", ["next_due_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "term_statistics",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("space", sa.Integer(), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.Column("through_paper_id", BigId, nullable=False),
        sa.Column("frequencies", sa.LargeBinary(), nullable=False),
        sa.Column("counted_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_term_statistics")),
    )
    op.create_table(
        "consents",
        sa.Column("id", BigId, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("given_at", Instant, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_consents_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_subscriber_id", "consents", ["subscriber_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", BigId, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("next_try_at", Instant, nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("papers_after", sa.Date(), nullable=True),
        sa.Column("papers_through", sa.Date(), nullable=True),
        sa.Column("contents", Document, nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("smtp_answer", sa.Text(), nullable=True),
        sa.Column("settled_at", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('digest', 'confirm')", name=op.f("ck_deliveries_kind")),
        sa.CheckConstraint(
            "status IN ('planned', 'claimed', 'sent', 'skipped', 'failed')", name=op.f("ck_deliveries_status")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_deliveries_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "subscriber_id", "kind", "edition_on", name=op.f("uq_deliveries_subscriber_id_kind_edition_on")
        ),
    )
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
        sqlite_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_table(
        "feedback",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("paper_id", BigId, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("given_at", Instant, nullable=False),
        sa.CheckConstraint("verdict IN ('more', 'less')", name=op.f("ck_feedback_verdict")),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_feedback_paper_id_papers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_feedback_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", name=op.f("pk_feedback")),
    )
    op.create_table(
        "interests",
        sa.Column("id", BigId, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('topic', 'must', 'mute', 'follow', 'category')", name=op.f("ck_interests_kind")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_interests_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interests")),
        sa.UniqueConstraint(
            "subscriber_id", "kind", "words", name=op.f("uq_interests_subscriber_id_kind_words")
        ),
    )
    op.create_table(
        "paper_terms",
        sa.Column("paper_id", BigId, nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_paper_terms_paper_id_papers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_paper_terms")),
    )
    op.create_table(
        "popularity",
        sa.Column("paper_id", BigId, nullable=False),
        sa.Column("observed_at", Instant, nullable=False),
        sa.Column("upvotes", sa.Integer(), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_popularity_paper_id_papers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "observed_at", name=op.f("pk_popularity")),
    )
    op.create_index("ix_popularity_observed_at", "popularity", ["observed_at"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("statistics_version", sa.Integer(), nullable=False),
        sa.Column("built_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_profiles_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_profiles")),
    )
    op.create_table(
        "picks",
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("paper_id", BigId, nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("card_id", BigId, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", Document, nullable=False),
        sa.CheckConstraint("section IN ('for_you', 'everyone')", name=op.f("ck_picks_section")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_picks_card_id_cards")),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name=op.f("fk_picks_delivery_id_deliveries"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_picks_paper_id_papers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_picks_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", name=op.f("pk_picks")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("picks")
    op.drop_table("profiles")
    op.drop_table("popularity")
    op.drop_table("paper_terms")
    op.drop_table("interests")
    op.drop_table("feedback")
    op.drop_table("deliveries")
    op.drop_table("consents")
    op.drop_table("term_statistics")
    op.drop_table("suppressions")
    op.drop_table("subscribers")
    op.drop_table("secrets")
    op.drop_table("papers")
    op.drop_table("fetches")
    op.drop_table("cards")
