"""The tables. Instants are aware UTC in `*_at`, dates in `*_on`.

Text columns have no length limits; input that is too long is refused or shortened before it is stored.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from digest.domain.delivery import TRANSACTIONAL_KINDS, DeliveryStatus, Kind, Opinion, Section
from digest.domain.paper import FetchStatus
from digest.domain.subscriber import Frequency, InterestKind, Layout, Status, SuppressionEvent, Verdict

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC, on databases with and without time zones. Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone reached the database")
        return value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite generates ids only for INTEGER keys; PostgreSQL needs 64 bits for more than 2,147 million rows.
BigId = BigInteger().with_variant(Integer, "sqlite")
Document = JSON().with_variant(JSONB, "postgresql")


def check_one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    """Return the constraint that a column contains one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _subscriber() -> Column[int]:
    return Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False)


def _paper() -> Column[int]:
    return Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False)


papers = Table(
    "papers",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("paper_id", Text, nullable=False, unique=True),
    # The id derived from the title, which matches a paper from a page without arXiv ids with arXiv's record.
    Column("title_id", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("authors", Document, nullable=False),
    Column("categories", Document, nullable=False),
    Column("announced_on", Date, nullable=False, index=True),
    # True while no feed has given the day; then `announced_on` is the day the paper was first seen.
    Column("announced_guessed", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("links", Document, nullable=False),
    Column("raw_title", Text, nullable=False),
    Column("raw_abstract", Text, nullable=False),
    # One sentence, from a feed or a summary service; empty: the best sentence of the abstract is shown.
    Column("summary", Text, nullable=False, server_default=text("''")),
    Column("first_seen_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # The row that stands for the same work; null for all but a few rows.
    Column("same_work_as", BigId, index=True),
    # Ids are never reused: "every paper up to this id" stays true when the last one is deleted.
    sqlite_autoincrement=True,
)

paper_terms = Table(
    "paper_terms",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("counts", LargeBinary, nullable=False),
)

paper_vectors = Table(
    "paper_vectors",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

popularity = Table(
    "popularity",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("observed_at", Instant, primary_key=True),
    Column("upvotes", Integer, nullable=False),
    Column("comments", Integer, nullable=False),
    Column("stars", Integer),
    Column("citations", Integer),
    Index(None, "observed_at"),
)

# Calls of the summary service, written before each call, so that none is made twice on a day.
summary_calls = Table(
    "summary_calls",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("called_on", Date, primary_key=True),
    Index(None, "called_on"),
)

term_statistics = Table(
    "term_statistics",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # The term space of the counts: see digest.ranking.terms.SPACE.
    Column("space", Integer, nullable=False),
    Column("papers", Integer, nullable=False),
    # Every paper with a row id up to this one is counted.
    Column("through_row_id", BigId, nullable=False),
    Column("frequencies", LargeBinary, nullable=False),
    Column("counted_at", Instant, nullable=False),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", BigId, primary_key=True),
    # Random; names the subscriber in links and Message-IDs, so that these do not show how many there are.
    Column("key", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("hour", SmallInteger, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("max_papers", SmallInteger, nullable=False),
    # Null: not planned yet, or no digests wanted.
    Column("next_due_at", Instant, index=True),
    Column("paused_until", Date),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("layout", Text, nullable=False, server_default="full"),
    # The tag of a language, such as zh-Hans; one that is not known any more means English.
    Column("language", Text, nullable=False, server_default="en"),
    # Random; equal for the members of a team, who share topics and ratings. Null: in no team.
    Column("team", Text, index=True),
    check_one_of("status", Status),
    check_one_of("frequency", Frequency),
    check_one_of("layout", Layout),
    CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
    CheckConstraint("max_papers BETWEEN 1 AND 50", name="max_papers"),
    # For the query for subscribers whose next digest is later than their frequency allows.
    Index(None, "frequency", "next_due_at"),
    sqlite_autoincrement=True,
)

interests = Table(
    "interests",
    metadata,
    Column("id", BigId, primary_key=True),
    _subscriber(),
    Column("kind", Text, nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("subscriber_id", "kind", "words"),
    check_one_of("kind", InterestKind),
)

feedback = Table(
    "feedback",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    # Given by another member of the team.
    Column("from_team", Boolean, nullable=False, server_default=false()),
    check_one_of("verdict", Verdict),
    Index(None, "paper_row_id"),
)

# Feedback on a paper that is not stored yet; it moves to `feedback` when the paper is stored.
pending_feedback = Table(
    "pending_feedback",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    # When the paper was last requested from arXiv; null: never.
    Column("asked_at", Instant),
    Column("from_team", Boolean, nullable=False, server_default=false()),
    check_one_of("verdict", Verdict),
    Index(None, "paper_id"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    # Version 0 stands for no papers at all and is not stored.
    Column("statistics_version", Integer, nullable=False),
    Column("built_at", Instant, nullable=False),
)

_OPEN_TRANSACTIONAL = text(
    f"next_try_at IS NOT NULL AND kind IN ({', '.join(repr(one.value) for one in TRANSACTIONAL_KINDS)})"
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    _subscriber(),
    Column("kind", Text, nullable=False),
    Column("edition_on", Date, nullable=False),
    Column("status", Text, nullable=False),
    # Why it was skipped, failed or is retried.
    Column("reason", Text, nullable=False, default=""),
    Column("due_at", Instant, nullable=False),
    # Null once the delivery is settled; an open delivery always has a time.
    Column("next_try_at", Instant),
    Column("attempts", SmallInteger, nullable=False, default=0),
    # The candidates were announced after `papers_after` and up to `papers_through`.
    Column("papers_after", Date),
    Column("papers_through", Date),
    # The content of the mail beside its cards and reasons: enough to rebuild it byte for byte.
    Column("contents", Document),
    Column("message_id", Text),
    Column("content_sha256", Text),
    Column("smtp_answer", Text),
    Column("settled_at", Instant),
    # The subscriber's answer to "Was this a good digest?"; null: none.
    Column("opinion", Text),
    UniqueConstraint("subscriber_id", "kind", "edition_on"),
    check_one_of("kind", Kind),
    check_one_of("opinion", Opinion),
    check_one_of("status", DeliveryStatus),
    # For reports. Rows are written in the order of editions, so a block range index is as good as a tree and costs nothing.
    Index(None, "edition_on", postgresql_using="brin"),
    Index(None, "settled_at", postgresql_using="brin"),
    # A million deliveries can share one instant; the id in the index lets a claim read only its own rows.
    Index(
        "ix_deliveries_open",
        "next_try_at",
        "id",
        postgresql_where=text("next_try_at IS NOT NULL"),
        sqlite_where=text("next_try_at IS NOT NULL"),
    ),
    # Few rows: a transactional mail is found fast, however many digests are open.
    Index(
        "ix_deliveries_open_transactional",
        "next_try_at",
        "id",
        postgresql_where=_OPEN_TRANSACTIONAL,
        sqlite_where=_OPEN_TRANSACTIONAL,
    ),
)

# A paper as the mails of one edition show it, stored once for all subscribers.
cards = Table(
    "cards",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("content_sha256", Text, nullable=False, unique=True),
    Column("contents", Document, nullable=False),
    # The last day on which a mail with it was composed.
    Column("used_on", Date, nullable=False, index=True),
)

# The primary key ensures that a paper reaches a subscriber at most once. No foreign keys to deliveries and cards:
# without an index, which slows down every mail, deleting one of these would search all picks.
picks = Table(
    "picks",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("delivery_id", BigId, nullable=False),
    Column("card_id", BigId, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("section", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("reasons", Document, nullable=False),
    check_one_of("section", Section),
    sqlite_with_rowid=False,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_hash", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since_at", Instant, nullable=False),
    # The status before the suppression; null when no subscriber had this address.
    Column("former_status", Text),
)

# Rows are only added, and are kept when the subscriber is erased: they are applied to a restored backup.
suppression_log = Table(
    "suppression_log",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("address_hash", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("happened_at", Instant, nullable=False),
    UniqueConstraint("address_hash", "event", "happened_at"),
    check_one_of("event", SuppressionEvent),
)

consents = Table(
    "consents",
    metadata,
    Column("id", BigId, primary_key=True),
    _subscriber(),
    Column("given_at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("how", Text, nullable=False),
    Index(None, "subscriber_id"),
)

fetches = Table(
    "fetches",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("source", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("status", Text, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("newest_on", Date),
    Column("error", Text, nullable=False),
    check_one_of("status", FetchStatus),
    Index(None, "source", "started_at"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
