"""What the preferences page shows of a subscriber's past: digests, rated papers, and authors of these."""

from datetime import date

from digest.domain.paper import Paper
from digest.domain.subscriber import Subscriber, Verdict
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.subscribers.author_suggestions import suggest_authors
from digest.subscribers.followed_authors import named_authors
from digest.web.context import WebContext

PAST_DIGESTS = 30
RATED_SHOWN = 200


def past_digests(
    context: WebContext, connection: Connection, subscriber: Subscriber
) -> list[tuple[date, str]]:
    """Return the editions of the last digests with the token of each."""
    past = edition_store.sent_editions(connection, [subscriber.id], PAST_DIGESTS).get(subscriber.id, [])
    return [(edition_on, context.token("digest", subscriber, edition_on)) for edition_on in past]


def suggested_authors(connection: Connection, liked: list[Paper], follow: str) -> list[tuple[str, int]]:
    """Return authors of liked papers whom nobody of `follow` (one on each line) is, with numbers of papers."""
    return suggest_authors(liked, named_authors(connection, follow.splitlines()).values())


def rated_papers(connection: Connection, subscriber: Subscriber) -> tuple[list[Paper], list[Paper]]:
    """Return the papers that a subscriber liked lately, and those that they disliked, the oldest rating first."""
    said = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])[-RATED_SHOWN:]
    papers = paper_store.find_by_row_ids(connection, [row_id for row_id, _ in said])
    liked = [papers[row_id].paper for row_id, verdict in said if verdict == Verdict.MORE]
    return liked, [papers[row_id].paper for row_id, verdict in said if verdict == Verdict.LESS]


def rated_ids(connection: Connection, subscriber: Subscriber) -> set[str]:
    """Return the ids of the papers that a subscriber rated last."""
    liked, disliked = rated_papers(connection, subscriber)
    return {paper.id for paper in (*liked, *disliked)}
