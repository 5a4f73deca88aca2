"""The authors whom subscribers follow, with the names of those who are followed by ORCID iD."""

from collections.abc import Iterable

from digest.ranking.matching import author_orcids, with_seen_names
from digest.store.author_orcids import seen_names
from digest.store.database import Connection


def named_authors(connection: Connection, authors: Iterable[str]) -> dict[str, str]:
    """Return each followed author with the names of their ORCID iDs in the stored papers added.

    So an iD finds the papers that carry it and, where authors have no iD, those with its names.
    """
    followed = list(dict.fromkeys(authors))
    orcids = {orcid for author in followed for orcid in author_orcids(author)}
    names = seen_names(connection, orcids)
    return {author: with_seen_names(author, names) for author in followed}
