"""The table of the further ids of papers."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from digest.store.models import BigId, metadata

__all__ = ["alternative_ids"]

# Ids of a work beside the one of its row in `papers`: a DOI beside arXiv's id, the id of the published version.
alternative_ids = Table(
    "alternative_ids",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Index(None, "paper_row_id"),
)
