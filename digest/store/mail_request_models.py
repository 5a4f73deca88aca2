"""The tables of requests for mail that wait, and of the confirmations per mailbox."""

from sqlalchemy import Column, Date, Integer, Table, Text

from digest.domain.delivery import Kind
from digest.store.models import BigId, Document, Instant, check_one_of, metadata

__all__ = ["confirmation_counts", "mail_requests"]

# Requests for mail made with an address alone; a row is deleted once the request is done.
mail_requests = Table(
    "mail_requests",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    # What the sign-up form said besides the address; NULL for nothing.
    Column("preferences", Document),
    check_one_of("kind", (Kind.CONFIRM, Kind.LINKS)),
    sqlite_autoincrement=True,
)

# Confirmations planned for a mailbox on a day (UTC), counted over all spellings of its address.
confirmation_counts = Table(
    "confirmation_counts",
    metadata,
    Column("mailbox_hash", Text, primary_key=True),
    Column("counted_on", Date, primary_key=True),
    Column("planned", Integer, nullable=False),
)
