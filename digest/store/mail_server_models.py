"""The tables about mail servers: circuit breakers, answers, refusals, bounces, mails in flight and sending rates."""

from sqlalchemy import Column, Date, Float, ForeignKey, Integer, SmallInteger, Table, Text

from digest.domain.delivery import Kind, Stream
from digest.domain.inbound import InboundKind, InboundOutcome, MatchedBy, Severity
from digest.store import alarm_models as _alarm_models  # noqa: F401 - adds its tables to `metadata`
from digest.store import channel_models as _channel_models  # noqa: F401 - adds its table to `metadata`
from digest.store import identifier_models as _identifier_models  # noqa: F401 - adds its table to `metadata`
from digest.store import library_models as _library_models  # noqa: F401 - adds its tables to `metadata`
from digest.store import mail_request_models as _mail_request_models  # noqa: F401 - adds its tables to `metadata`
from digest.store import retention_models as _retention_models  # noqa: F401 - adds its tables to `metadata`
from digest.store.models import BigId, Instant, check_one_of, metadata

__all__ = [
    "account_paces",
    "circuits",
    "in_flight",
    "inbound_reports",
    "metadata",
    "refusals",
    "server_answers",
    "soft_bounces",
]
"""Import `metadata` from here: it then contains all tables."""

# Open circuit breakers. A closed one has no row.
circuits = Table(
    "circuits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("try_again_at", Instant, nullable=False),
    Column("failures", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

# Counts of a mail server's answers by account, stream and edition, by which refusals are judged.
server_answers = Table(
    "server_answers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("taken", Integer, key="accepted", nullable=False),
    Column("refused", Integer, nullable=False),
    # The last answers, the newest last: + accepted, - refused.
    Column("recent", Text, nullable=False),
    Column("last_taken_at", Instant, key="last_accepted_at"),
    # Mails among those accepted that came back as a hard bounce.
    Column("bounced", Integer, nullable=False, server_default="0"),
    check_one_of("stream", Stream),
)

# The first refusal of an address for each edition.
refusals = Table(
    "refusals",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("refused_at", Instant, nullable=False),
)

# An inbound mail, without its text: what it was, whom it was about, and what was done.
inbound_reports = Table(
    "inbound_reports",
    metadata,
    Column("id", BigId, primary_key=True),
    # The hash of the whole mail, which recognises a mail that is read again.
    Column("content_sha256", Text, nullable=False, unique=True),
    Column("received_at", Instant, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    # The severity of a bounce.
    Column("severity", Text),
    Column("status_code", Text, nullable=False, default=""),
    # The message of the mail server, or the type of a complaint.
    Column("words", Text, nullable=False, default=""),
    Column("matched_by", Text),
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True),
    # With the subscriber, they identify the delivery.
    Column("mail_kind", Text),
    Column("edition_on", Date),
    check_one_of("kind", InboundKind),
    check_one_of("outcome", InboundOutcome),
    check_one_of("severity", Severity),
    check_one_of("matched_by", MatchedBy),
    check_one_of("mail_kind", Kind),
)

# The editions that did not reach a subscriber whose mailbox is full or unreachable. Deleted when the subscriber is
# paused for it.
soft_bounces = Table(
    "soft_bounces",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("bounced_at", Instant, nullable=False),
)

# The subscriber whose mail each connection of each sender is sending. An unsubscription waits for it.
in_flight = Table(
    "in_flight",
    metadata,
    Column("sender", Text, primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    Column("subscriber_id", BigId),
    Column("since_at", Instant, nullable=False),
)

# The sending rate of an account whose provider asked to slow down.
account_paces = Table(
    "account_paces",
    metadata,
    Column("account", Text, primary_key=True),
    Column("mails_per_second", Float, nullable=False),
    # The sending rate at which the provider asked to slow down.
    Column("ceiling", Float, nullable=False),
    Column("slowed_at", Instant, nullable=False),
)
