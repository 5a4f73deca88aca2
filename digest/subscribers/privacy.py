"""All data stored about a subscriber, for the subscriber and the operator."""

from typing import Any

from digest.domain.channel import ChannelAddress
from digest.domain.subscriber import Subscriber
from digest.store import consents as consent_store
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store import picks as pick_store
from digest.store import terms as term_store
from digest.store.channels import find_channels
from digest.store.database import Connection
from digest.store.opinions import read_opinions
from digest.store.pending_feedback import read_pending
from digest.store.received import paper_ids_received
from digest.subscribers.import_export import record_of
from digest.subscribers.signup import find_subscriber

_MOST_PAPERS = 200


def personal_data(connection: Connection, address: str) -> dict[str, Any]:
    """Return all data stored about a subscriber, in plain values. Raises NotFound.

    Keys: `reader` (the subscriber), `feedback`, `pending` (feedback on papers that are not stored yet), `library`
    (its papers that are not stored), `profile` (interests with their number of terms), `received` (the last 200
    papers sent, with section, score and reason), `received_earlier` (the ids of papers in older mails), `opinions`
    (the answers to "Was this a good digest?"), `consents`.
    """
    subscriber = find_subscriber(connection, address)
    verdicts = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    papers = paper_store.find_by_row_ids(connection, {paper for paper, _ in verdicts})
    profile = term_store.read_profiles(connection, [subscriber.id]).get(subscriber.id)
    return {
        "reader": {
            **record_of(subscriber),
            "next_due_at": subscriber.next_due_at,
            "created_at": subscriber.created_at,
            "confirmed_at": subscriber.confirmed_at,
            **_channel(connection, subscriber),
        },
        "feedback": [
            {"verdict": verdict, "id": papers[row_id].paper.id, "title": papers[row_id].paper.title}
            for row_id, verdict in verdicts
        ],
        "pending": [
            {"verdict": verdict, "id": paper_id}
            for paper_id, verdict in read_pending(connection, [subscriber.id]).get(subscriber.id, [])
        ],
        "library": _library(connection, subscriber),
        "profile": [
            {"interest": interest.name, "terms": len(interest.terms)}
            for interest in (profile.interests if profile else ())
        ],
        "received": [
            {
                "edition_on": row.edition_on,
                "section": row.section,
                "score": row.score,
                "id": row.paper_id,
                "title": row.title,
                "because": list(row.terms) or row.author,
            }
            for row in pick_store.received_papers(connection, subscriber.id, _MOST_PAPERS)
        ],
        "opinions": [
            {"edition_on": edition_on, "opinion": opinion}
            for edition_on, opinion in read_opinions(connection, subscriber.id)
        ],
        "received_earlier": paper_ids_received(connection, subscriber.id),
        "consents": [
            {"given_at": row.given_at, "what": row.what, "how": row.how}
            for row in consent_store.read_consents(connection, subscriber.id)
        ],
    }


def _channel(connection: Connection, subscriber: Subscriber) -> dict[str, str]:
    """Return the address of a chat channel, masked, and why its service refused the last post."""
    stored = find_channels(connection, [subscriber.id]).get(subscriber.id)
    if stored is None:
        return {}
    return {"channel": ChannelAddress.parse(stored.address).masked, "refusal": stored.refusal}


def _library(connection: Connection, subscriber: Subscriber) -> list[dict[str, Any]]:
    kept = library_store.read_library(connection, [subscriber.id]).get(subscriber.id, [])
    return [
        {"id": one.arxiv_id or one.doi, "title": one.title, "abstract": one.abstract, "source": one.source}
        for one in kept
    ]
