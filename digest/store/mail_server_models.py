"""The tables about mail servers: circuit breakers, answers, refusals, mails in flight and sending rates."""

from sqlalchemy import Column, Date, Float, ForeignKey, Integer, SmallInteger, Table, Text

from digest.domain.delivery import Stream
from digest.store.models import BigId, Instant, metadata, one_of

__all__ = ["account_paces", "circuits", "in_flight", "metadata", "refusals", "server_answers"]
"""Import `metadata` from here: it then contains these tables too."""

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
    Column("taken", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    # The last answers, the newest last: + accepted, - refused.
    Column("recent", Text, nullable=False),
    Column("last_taken_at", Instant),
    one_of("stream", Stream),
)

# The first refusal of an address for each edition.
refusals = Table(
    "refusals",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("refused_at", Instant, nullable=False),
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
