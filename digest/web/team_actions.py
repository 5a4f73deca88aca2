"""The part of the preferences page about a subscriber's team: what it shows, and its buttons."""

from collections.abc import Callable
from typing import Any

from digest.domain.subscriber import Subscriber
from digest.store.database import Connection
from digest.subscribers.teams import join_team, leave_team, members, renew_team
from digest.text.languages import gettext_noop
from digest.web.channel_actions import CHANNEL_ACTIONS, CHANNEL_DONE, channel_values
from digest.web.context import WebContext
from digest.web.forms import Form

TEAM_DONE = {
    "invited": gettext_noop(
        "Send this link to your colleagues: whoever opens it can share your topics and ratings."
    ),
    "joined": gettext_noop("You share the topics and ratings of this team now."),
    "team_left": gettext_noop("You left the team. You keep a copy of its topics and ratings."),
    **CHANNEL_DONE,
}


def team_values(context: WebContext, connection: Connection, subscriber: Subscriber) -> dict[str, Any]:
    """Return the values of `_team.html`."""
    channels = channel_values(context, connection, subscriber)
    if subscriber.team is None:
        return {"team_link": "", "team_size": 0, **channels}
    link = context.container.links.link("team", subscriber.team, subscriber.created_at.date())
    return {"team_link": link, "team_size": len(members(connection, subscriber.team)), **channels}


def _invite(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    with context.container.database.begin() as connection:
        renew_team(connection, subscriber)
    return "invited"


def _join(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    token = form.text("invitation").rstrip("/").rpartition("/")[2]
    claim = context.claim("team", token)
    with context.container.database.begin() as connection:
        join_team(connection, context.container.profiles, subscriber, claim.subscriber_key, context.now())
    return "joined"


def _leave(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    with context.container.database.begin() as connection:
        leave_team(connection, subscriber)
    return "team_left"


TEAM_ACTIONS: dict[str, Callable[[WebContext, Subscriber, Form], str]] = {
    "invite": _invite,
    "join": _join,
    "leave_team": _leave,
    **CHANNEL_ACTIONS,
}
