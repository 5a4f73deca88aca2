"""The tables of what an operator is told."""

from sqlalchemy import Boolean, Column, Integer, Table, Text

from digest.store.models import Instant, metadata

__all__ = ["alarms", "turns"]

# The conditions that an operator is told about, each from its first fault until it has been quiet for a day.
alarms = Table(
    "alarms",
    metadata,
    Column("name", Text, primary_key=True),
    Column("is_bad", Boolean, nullable=False),
    Column("since_at", Instant, nullable=False),
    Column("finding", Text, nullable=False),
    Column("advice", Text, nullable=False),
    # What the last message said, when it was sent, and how many were sent; 0: none yet.
    Column("told_bad", Boolean, nullable=False),
    Column("told_at", Instant),
    Column("messages", Integer, nullable=False),
)

# When a job that only one process may do at a time last began.
turns = Table(
    "turns",
    metadata,
    Column("name", Text, primary_key=True),
    Column("began_at", Instant, nullable=False),
)
