"""Teams: subscribers who share topics, filters and ratings, so that their digests learn from all of them.

Each member has an own address, consent, schedule and ledger, and a full copy of what is shared. So a member leaves, or
is erased, without any effect on the others, and no paper reaches a member twice.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime

from digest.domain.subscriber import Interests, Subscriber, Verdict
from digest.errors import BadInput, BadLink
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import pending_feedback as pending_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Connection
from digest.subscribers.profiles import ProfileBuilder
from digest.text.languages import gettext, ngettext

MOST_MEMBERS = 50
"""Each rating is stored once for each member."""


def renew_team(connection: Connection, subscriber: Subscriber) -> None:
    """Found the team of a subscriber who is in none; otherwise make its invitations invalid. Its members stay."""
    new = secrets.token_hex(8)
    if subscriber.team is None:
        subscriber_store.set_team(connection, subscriber.id, new)
    else:
        subscriber_store.rename_team(connection, subscriber.team, new)


def leave_team(connection: Connection, subscriber: Subscriber) -> None:
    """Take a subscriber out of their team; they keep a copy of what was shared."""
    subscriber_store.set_team(connection, subscriber.id, None)


def members(connection: Connection, team: str) -> list[Subscriber]:
    """Return the members of a team, the first to join first, without its channels.

    Raises BadLink when it no longer exists.
    """
    found = [one for one in subscriber_store.find_team(connection, team) if one.service is None]
    if not found:
        raise BadLink(gettext("This invitation is no longer valid; please ask your team for a new one."))
    return found


def join_team(
    connection: Connection, builder: ProfileBuilder, subscriber: Subscriber, team: str, now: datetime
) -> None:
    """Put a subscriber into a team: its topics and filters replace theirs, its ratings are added.

    Raises BadLink for a team that no longer exists, and BadInput for one that is full.
    """
    subscriber_store.lock_team(connection, team)
    others = [one for one in members(connection, team) if one.id != subscriber.id]
    if not others:
        return  # They are its only member already.
    if len(others) >= MOST_MEMBERS:
        raise BadInput(
            ngettext(
                "This team has %(num)s member, which is the most.",
                "This team has %(num)s members, which is the most.",
                MOST_MEMBERS,
            )
        )
    subscriber_store.set_team(connection, subscriber.id, team)
    subscriber_store.replace_interests(connection, [(subscriber.id, others[0].interests)])
    feedback_store.copy_feedback(connection, others[0].id, subscriber.id)
    pending_store.copy_pending(connection, others[0].id, subscriber.id)
    library_store.copy_library(connection, others[0].id, subscriber.id)
    builder.rebuild(connection, [subscriber.id], now)


def lock_team(connection: Connection, subscriber: Subscriber) -> None:
    """Wait until no other transaction changes what a subscriber shares; without a team, do nothing."""
    if subscriber.team is not None:
        subscriber_store.lock_team(connection, subscriber.team)


def teammates(connection: Connection, subscriber: Subscriber) -> list[int]:
    """Return the ids of the other members of a subscriber's team, its channels included."""
    if subscriber.team is None:
        return []
    found = subscriber_store.find_team(connection, subscriber.team)
    return [one.id for one in found if one.id != subscriber.id]


def share(
    connection: Connection,
    builder: ProfileBuilder,
    subscriber: Subscriber,
    now: datetime,
    *,
    interests: Interests | None = None,
    verdicts: Mapping[int, Verdict | None] | None = None,
    pending: Mapping[str, Verdict] | None = None,
) -> None:
    """Apply to the other members of a team what one member has just changed. The team must be locked.

    `verdicts` are by the row id of the paper, `pending` by the id of a paper that is not stored.
    """
    others = teammates(connection, subscriber)
    if not others:
        return
    if interests is not None:
        subscriber_store.replace_interests(connection, [(one, interests) for one in others])
    for one in others:
        for row_id, verdict in (verdicts or {}).items():
            feedback_store.save_feedback(connection, one, row_id, verdict, now, from_team=True)
    said = [(one, paper_id, verdict) for one in others for paper_id, verdict in (pending or {}).items()]
    pending_store.save_pending(connection, said, now, from_team=True)
    builder.rebuild(connection, others, now)
