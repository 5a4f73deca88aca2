"""The tables of what is stored for ever about mails that are old or deleted."""

from sqlalchemy import BigInteger, Column, Date, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from digest.store.models import BigId, Instant, metadata

__all__ = ["delivery_counts", "edition_totals", "received_papers", "retention_marks"]

# The papers of a subscriber's old mails: one list for each month of editions.
received_papers = Table(
    "received_papers",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    # The first day of the month.
    Column("month_on", Date, primary_key=True),
    # The highest id in the list.
    Column("through_row_id", BigId, nullable=False),
    # The row ids of the papers; see digest.store.received.
    Column("paper_row_ids", LargeBinary, nullable=False),
    # The lists of years ago are not read for the papers of today.
    Index(None, "subscriber_id", "through_row_id"),
)

# The number of deleted deliveries.
delivery_counts = Table(
    "delivery_counts",
    metadata,
    Column("edition_on", Date, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("deliveries", Integer, nullable=False),
    # When the last of them was settled.
    Column("settled_at", Instant, nullable=False),
)

# The figures of old editions, so that a chart of them does not count a million deliveries each time.
edition_totals = Table(
    "edition_totals",
    metadata,
    Column("edition_on", Date, primary_key=True),
    Column("sent", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("open", Integer, nullable=False),
    Column("delay_seconds", Float),
    Column("taps", Integer, nullable=False),
)

# How far each part of the retention has got: a delivery id, or an hour since 1970.
retention_marks = Table(
    "retention_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("through", BigInteger, nullable=False),
)
