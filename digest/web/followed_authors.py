"""The names of authors whom a subscriber follows by ORCID iD."""

from collections.abc import Sequence

from digest.domain.orcid import is_orcid
from digest.domain.subscriber import Subscriber
from digest.errors import DigestError
from digest.papers.sources.orcid import name_of
from digest.ranking.matching import author_orcids
from digest.web.context import WebContext
from digest.web.library import LOOKUPS

MOST_NAMED = 5
"""Authors whose names are requested when a form is saved: the subscriber waits for them."""


def with_names(
    context: WebContext, subscriber: Subscriber, authors: Sequence[str] | None
) -> tuple[str, ...] | None:
    """Return followed authors, those that are new ORCID iDs with the name that ORCID has: `iD|Jane Doe`.

    An iD whose name cannot be read stays as it is, and so does one that the subscriber follows already.
    """
    if authors is None:
        return None
    known = {orcid for author in subscriber.interests.follow for orcid in author_orcids(author)}
    new = [author for author in authors if is_orcid(author) and author not in known][:MOST_NAMED]
    names = {orcid: name for orcid in new if (name := _name_of(context, subscriber, orcid))}
    return tuple(f"{author}|{names[author]}" if author in names else author for author in authors)


def _name_of(context: WebContext, subscriber: Subscriber, orcid: str) -> str:
    if not context.previews.hit(LOOKUPS, f"ORCID {subscriber.key}"):
        return ""
    container = context.container
    try:
        return name_of(orcid, container.settings.orcid_url, container.watched_fetcher)
    except DigestError:
        return ""
