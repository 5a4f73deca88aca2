"""The table of the papers of subscribers' libraries that are not stored."""

from sqlalchemy import Column, ForeignKey, Table, Text

from digest.store.models import BigId, Instant, metadata

__all__ = ["library_papers"]

library_papers = Table(
    "library_papers",
    metadata,
    Column("subscriber_id", BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    # The id derived from the title; for a paper of which only the DOI is known, the DOI.
    Column("key", Text, primary_key=True, index=True),
    # Empty if only the DOI is known.
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    # Null where the library does not tell.
    Column("arxiv_id", Text, index=True),
    Column("doi", Text, index=True),
    # The format of the file, or where the paper was looked up.
    Column("source", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
)
