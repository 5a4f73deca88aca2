"""The tables about mail servers: circuit breakers, what they answered, what is in flight, how fast it may go."""

from sqlalchemy import Column, Date, Float, ForeignKey, Integer, SmallInteger, Table, Text

from digest.domain.delivery import Stream
from digest.store.models import BigId, Instant, metadata, one_of

__all__ = ["account_paces", "circuits", "in_flight", "metadata", "refusals", "server_answers"]
"""`metadata` with it: imported from here, it knows all tables."""

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
    Column("last_taken_at", Instant),
    one_of("stream", Stream),
)

# The first refusal of an address for each edition, kept until the address takes a mail or is suppressed.
refusals = Table(
    "refusals",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("edition_on", Date, primary_key=True),
    Column("refused_at", Instant, nullable=False),
)

# The subscriber whose mail each connection of each sender is sending now: whoever unsubscribes waits for it.
in_flight = Table(
    "in_flight",
    metadata,
    Column("sender", Text, primary_key=True),
    Column("slot", SmallInteger, primary_key=True),
    Column("subscriber_id", BigId),
    Column("since_at", Instant, nullable=False),
)

# The pace of an account whose provider asked to slow down.
account_paces = Table(
    "account_paces",
    metadata,
    Column("account", Text, primary_key=True),
    Column("mails_per_second", Float, nullable=False),
    # The pace at which the provider asked to slow down.
    Column("ceiling", Float, nullable=False),
    Column("slowed_at", Instant, nullable=False),
)
