"""The tables. Instants are aware UTC in `*_at`, dates in `*_on`, statuses in plain words.

Text has no length limits here: what is too long is refused or shortened where it comes in.
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from digest.domain.delivery import DeliveryStatus, Kind, Section, Stream
from digest.domain.paper import FetchStatus
from digest.domain.subscriber import Frequency, InterestKind, Status, SuppressionEvent, Verdict

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


# SQLite gives rowids only to INTEGER keys; PostgreSQL wants room for a few thousand million rows.
BigId = BigInteger().with_variant(Integer, "sqlite")
Document = JSON().with_variant(JSONB, "postgresql")


def _one_of(column: str, words: Iterable[str]) -> CheckConstraint:
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
    # The id the paper would have by its title alone: where a page without ids and arXiv's record meet.
    Column("title_id", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("authors", Document, nullable=False),
    Column("categories", Document, nullable=False),
    Column("announced_on", Date, nullable=False, index=True),
    # True while no feed has said the day; the day it was first seen stands in, and gives way.
    Column("announced_guessed", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("links", Document, nullable=False),
    Column("raw_title", Text, nullable=False),
    Column("raw_abstract", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # Ids only grow: "every paper up to this id" has to stay true when the last one is deleted.
    sqlite_autoincrement=True,
)

paper_terms = Table(
    "paper_terms",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("counts", LargeBinary, nullable=False),
)

popularity = Table(
    "popularity",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("observed_at", Instant, primary_key=True),
    Column("upvotes", Integer, nullable=False),
    Column("comments", Integer, nullable=False),
    Column("stars", Integer),
    Index(None, "observed_at"),
)

term_statistics = Table(
    "term_statistics",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # Which term space counted: see digest.ranking.terms.SPACE.
    Column("space", Integer, nullable=False),
    Column("papers", Integer, nullable=False),
    # Every paper up to this id is counted in.
    Column("through_row_id", BigId, nullable=False),
    Column("frequencies", LargeBinary, nullable=False),
    Column("counted_at", Instant, nullable=False),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", BigId, primary_key=True),
    # Random; stands for the subscriber in links and Message-IDs, so that nothing can be counted or guessed.
    Column("key", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("hour", SmallInteger, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("max_papers", SmallInteger, nullable=False),
    # Null: not planned yet, so the next planning decides. Subscribers who get nothing keep null, too.
    Column("next_due_at", Instant, index=True),
    Column("paused_until", Date),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    _one_of("status", Status),
    _one_of("frequency", Frequency),
    CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
    CheckConstraint("max_papers BETWEEN 1 AND 50", name="max_papers"),
    # A schedule that strayed into the future is found by its frequency's longest wait, whatever else waits.
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
    _one_of("kind", InterestKind),
)

feedback = Table(
    "feedback",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    _one_of("verdict", Verdict),
)

# What a subscriber said of a paper that is not stored yet; it becomes feedback when the paper arrives.
pending_feedback = Table(
    "pending_feedback",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    # When arXiv was last asked for the paper; null: not yet.
    Column("asked_at", Instant),
    _one_of("verdict", Verdict),
    Index(None, "paper_id"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    # Version 0 is that of an empty library, and is not stored.
    Column("statistics_version", Integer, nullable=False),
    Column("built_at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    _subscriber(),
    Column("kind", Text, nullable=False),
    Column("edition_on", Date, nullable=False),
    Column("status", Text, nullable=False),
    # Why it was skipped or failed, or what it waits for.
    Column("reason", Text, nullable=False, default=""),
    Column("due_at", Instant, nullable=False),
    # Null once the delivery is settled: what is open is what has a time to be taken up again.
    Column("next_try_at", Instant),
    Column("attempts", SmallInteger, nullable=False, default=0),
    # The papers looked at were announced after `papers_after` and up to `papers_through`.
    Column("papers_after", Date),
    Column("papers_through", Date),
    # All that the mail says beside its cards and reasons: enough to make it again byte for byte.
    Column("contents", Document),
    Column("message_id", Text),
    Column("content_sha256", Text),
    Column("smtp_answer", Text),
    Column("settled_at", Instant),
    UniqueConstraint("subscriber_id", "kind", "edition_on"),
    _one_of("kind", Kind),
    _one_of("status", DeliveryStatus),
    # A million share one hour; with the id in the index, a claim reads the rows it takes and no more.
    Index(
        "ix_deliveries_open",
        "next_try_at",
        "id",
        postgresql_where=text("next_try_at IS NOT NULL"),
        sqlite_where=text("next_try_at IS NOT NULL"),
    ),
    # So few that finding one costs nothing, however many digests wait.
    Index(
        "ix_deliveries_open_transactional",
        "next_try_at",
        "id",
        postgresql_where=text("next_try_at IS NOT NULL AND kind <> 'digest'"),
        sqlite_where=text("next_try_at IS NOT NULL AND kind <> 'digest'"),
    ),
)

# A paper as mails of one edition showed it, kept once however many subscribers got it.
cards = Table(
    "cards",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("content_sha256", Text, nullable=False, unique=True),
    Column("contents", Document, nullable=False),
)

# The key says it: a paper reaches a subscriber at most once.
picks = Table(
    "picks",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("delivery_id", BigId, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("card_id", BigId, ForeignKey("cards.id"), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("section", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("reasons", Document, nullable=False),
    _one_of("section", Section),
    sqlite_with_rowid=False,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_hash", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since_at", Instant, nullable=False),
    # What the subscriber was before; null when nobody with this address was stored.
    Column("former_status", Text),
)

# Only ever added to, also when the subscriber is gone: what a restored backup has to be told.
suppression_log = Table(
    "suppression_log",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("address_hash", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("happened_at", Instant, nullable=False),
    UniqueConstraint("address_hash", "event", "happened_at"),
    _one_of("event", SuppressionEvent),
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

# What somebody asked for with an address alone; the row goes when the request is dealt with.
mail_requests = Table(
    "mail_requests",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    _one_of("kind", (Kind.CONFIRM, Kind.LINKS)),
    sqlite_autoincrement=True,
)

# How many confirmations were planned for a mailbox on a day (UTC), under whatever spelling of its address.
confirmation_counts = Table(
    "confirmation_counts",
    metadata,
    Column("mailbox_hash", Text, primary_key=True),
    Column("counted_on", Date, primary_key=True),
    Column("planned", Integer, nullable=False),
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
    _one_of("status", FetchStatus),
    Index(None, "source", "started_at"),
)

# A mail server that takes no mail from us is left alone for a while: the row is there as long as that lasts.
circuits = Table(
    "circuits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("try_again_at", Instant, nullable=False),
    Column("failures", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

# What the mail server answered, by account, stream and edition: evidence for or against its refusals.
server_answers = Table(
    "server_answers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("taken", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    # The last answers, the newest last: + taken, - refused.
    Column("recent", Text, nullable=False),
    _one_of("stream", Stream),
)

# The first refusal of an address for each edition, kept until the address takes a mail or is suppressed.
refusals = Table(
    "refusals",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("refused_at", Instant, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
