"""The table of the chat channels that a team's digest is posted to."""

from sqlalchemy import Column, ForeignKey, Table, Text

from digest.store.models import BigId, metadata

__all__ = ["channels"]

# Beside the row of `subscribers`, so that whatever reads subscribers does not read the secrets.
channels = Table(
    "channels",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    # Contains the secret with which anybody can post to the channel.
    Column("address", Text, nullable=False),
    # A keyed hash, so that no channel is stored twice.
    Column("address_hash", Text, nullable=False, unique=True),
    # Why the service refused the last post; empty: it did not.
    Column("refusal", Text, nullable=False),
)
