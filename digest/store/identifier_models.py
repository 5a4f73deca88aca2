"""The tables of the further ids of papers, and of the ids of their authors."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from digest.store.models import BigId, metadata

__all__ = ["alternative_ids", "author_orcids"]

# Ids of a work beside the one of its row in `papers`: a DOI beside arXiv's id, the id of the published version.
alternative_ids = Table(
    "alternative_ids",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Index(None, "paper_row_id"),
)

# The ORCID iDs of authors, with the names under which the source of the iD prints them.
author_orcids = Table(
    "author_orcids",
    metadata,
    Column("paper_row_id", BigId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("orcid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Index(None, "orcid", "name"),
)
