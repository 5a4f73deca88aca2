"""The preferences page, behind a signed link: settings, stored data, download and erasure."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import available_timezones

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from limits import RateLimitItemPerHour

from digest.delivery.decisions import NOTES, quiet_reason
from digest.domain.categories import category_groups
from digest.domain.pick import Card
from digest.domain.subscriber import FREQUENCIES, Subscriber, clean_words
from digest.errors import BadInput, BadLink, NotFound, TryLater
from digest.papers.identifiers import canonical_id
from digest.ranking.profile import MOST_INTERESTS
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.subscribers.consent import resubscribe, subscriber_of, unsubscribe
from digest.subscribers.feedback import record_feedback
from digest.subscribers.import_export import change_from
from digest.subscribers.preferences import Change, Draft, change, draft, pause, remove, resume
from digest.subscribers.privacy import personal_data
from digest.subscribers.profile_terms import describe_profile
from digest.text.formatting import one_line
from digest.text.languages import gettext, gettext_noop
from digest.web.context import Context, WebContext
from digest.web.followed_authors import with_names
from digest.web.forms import Form, Posted
from digest.web.history import RATED_SHOWN, past_digests, rated_ids, rated_papers, suggested_authors
from digest.web.library import (
    LONGEST_NAME,
    NO_LIBRARY,
    LibraryShown,
    forget_library,
    library_values,
    previewed_library,
    read_report,
    save_library,
    sign_report,
)
from digest.web.team_actions import TEAM_ACTIONS, TEAM_DONE, team_values
from digest.web.visitors import NO_PREVIEW

router = APIRouter(include_in_schema=False)
PREVIEWS = RateLimitItemPerHour(1000)
"""Per subscriber: as many as five minutes of continuous typing cause."""
LONGEST_TYPED = 20_000
"""Characters of the topics for which papers are offered."""
_WORDS = ("topics", "must", "mute", "follow")
_CONTINENTS = {
    "Africa", "America", "Antarctica", "Arctic", "Asia",
    "Atlantic", "Australia", "Europe", "Indian", "Pacific",
}  # fmt: skip
DONE = {
    "confirmed": gettext_noop(
        "Your subscription is confirmed. Tell us what you work on, and the first digest comes soon."
    ),
    "started": gettext_noop("Your subscription is confirmed, and the first digest is on its way."),
    "saved": gettext_noop("Saved."),
    "paused": gettext_noop("Paused. You get no mail until the pause ends."),
    "resumed": gettext_noop("Welcome back. You get mail again."),
    "forgotten": gettext_noop("Removed. That paper no longer affects your digests."),
    "emptied": gettext_noop("Removed. Those papers no longer affect your digests."),
    "left": gettext_noop("You are unsubscribed. We send you no more mail."),
    **TEAM_DONE,
}


@router.get("/preferences/{token}")
def preferences(context: Context, token: str, done: str = "", report: str = "", author: str = "") -> Response:
    """Show what a subscriber can set and what is stored about them.

    `report` is a signed report on a library; `author` is a name whose papers are offered.
    """
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "preferences", token)
    shown = LibraryShown(read_report(context, subscriber, report), one_line(author)[:LONGEST_NAME])
    return show_preferences(context, subscriber, token, done if done in DONE else "", library=shown)


def show_preferences(
    context: WebContext,
    subscriber: Subscriber,
    token: str,
    done: str,
    typed: Form | None = None,
    wrong: str = "",
    library: LibraryShown = NO_LIBRARY,
) -> Response:
    """Return the page of a subscriber, with a message on what was done or what is wrong.

    With `typed`, the fields hold the unsaved form, and the preview shows its effect. `library` is what the part of
    the form about the library shows.
    """
    with context.container.database.read() as connection:
        liked, disliked = rated_papers(connection, subscriber)
        known = describe_profile(connection, context.container.profiles, subscriber)
        team = team_values(context, connection, subscriber)
        past = past_digests(context, connection, subscriber)
        shown: dict[str, Any] = NO_PREVIEW
        if not wrong and (typed is not None or done in {"saved", "confirmed", "started"}):
            try:
                shown = _previewed(context, connection, subscriber, typed)
            except (BadInput, NotFound) as error:
                wrong = str(error)
        ticked = set(typed.all("like")) if typed is not None else set()
        fields = _fields(subscriber, typed)
        starters = _starters(context, connection, fields["topics"], ticked)
        suggested = suggested_authors(connection, liked, fields["follow"])
        by_author, kept = library_values(context, connection, subscriber, library.author)
    return context.private_page(
        "preferences.html",
        422 if wrong else 200,
        subscriber=subscriber,
        token=token,
        done=gettext(DONE[done]) if done else "",
        is_new=done in {"confirmed", "started"} or (typed is not None and bool(typed.text("new"))),
        wrong=wrong,
        fields=fields,
        is_typed=typed is not None,
        ticked=ticked,
        is_unknown=not (liked or disliked) and not subscriber.interests.topics,
        frequencies=FREQUENCIES,
        zones=zones(subscriber.schedule.timezone),
        library=library,
        by_author=by_author,
        kept=kept,
        starters=[card for card in starters if card.paper_id not in {paper.id for paper in (*liked, *disliked)}],
        liked=liked,
        suggested=suggested,
        disliked=disliked,
        known=known,
        past=past,
        feed=context.token("feed", subscriber, subscriber.created_at.date()),
        tomorrow=context.now().date() + timedelta(days=1),
        is_mail=False,
        **team,
        category_groups=category_groups(context.container.settings.sources),
        **shown,
    )  # fmt: skip


def _starters(context: WebContext, connection: Connection, topics: str, ticked: set[str]) -> list[Card]:
    """Return the papers to choose from, and those of `ticked` that are no longer among them."""
    # Without the papers that are marked: the list must not change with every tick.
    words = clean_words(topics.splitlines())[:MOST_INTERESTS]
    offered = context.catalogue.starters(context.container.profiles.build(connection, words, []))
    missing = sorted(ticked - {card.paper_id for card in offered})[:RATED_SHOWN]
    return [
        *offered,
        *context.catalogue.cards(
            connection, list(paper_store.find_by_paper_ids(connection, missing).values())
        ),
    ]


def _fields(subscriber: Subscriber, typed: Form | None) -> dict[str, str]:
    """Return the values of the form's fields: typed ones, else the stored ones."""
    asked, schedule = subscriber.interests, subscriber.schedule
    stored = {
        **{name: "\n".join(getattr(asked, name)) for name in _WORDS},
        "categories": " ".join(asked.categories),
        "pasted": "",
        "orcid": "",
        "zotero": "",
        "author": "",
        "frequency": schedule.frequency,
        "hour": str(schedule.hour),
        "timezone": schedule.timezone,
        "max_papers": str(subscriber.max_papers),
        "layout": subscriber.layout,
        "language": subscriber.language,
    }
    if typed is None:
        return stored
    return {
        name: "\n".join(map(one_line, typed.raw(name).splitlines())) if name in typed else value
        for name, value in stored.items()
    }


@cache
def zones(present: str) -> list[tuple[str, list[str]]]:
    """Return the time zones by continent, and `present` under Other if it belongs to none."""
    groups: dict[str, list[str]] = {}
    for name in sorted(available_timezones()):
        continent = name.partition("/")[0]
        if name in {"UTC", present} or continent in _CONTINENTS:
            groups.setdefault(continent if continent in _CONTINENTS else "Other", []).append(name)
    return sorted(groups.items())


@router.post("/preferences/{token}")
def act(context: Context, token: str, form: Posted) -> Response:
    """Perform the action of a button, then show the page again."""
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "preferences", token)
    action = _ACTIONS.get(form.text("do") or "save")
    if action is None:
        raise BadInput(gettext("This page has no such button; please open it again from your mail."))
    report = ""
    try:
        if action is _save:
            # What cannot be saved is refused before anything is.
            _changes(form)[0].applied(subscriber, context.now())
            report = save_library(context, subscriber, form)
        done = action(context, subscriber, form)
    except (BadInput, BadLink, NotFound, TryLater) as error:
        return show_preferences(context, subscriber, token, "", form, str(error))
    if done == "erased":
        return context.private_page("erased.html")
    # A redirect, so that reloading the page does not repeat the action. Its target is never the client's.
    query = {"done": done, "report": sign_report(context, subscriber, report)} if report else {"done": done}
    if action is _save and (author := form.text("author")):
        query["author"] = author[:LONGEST_NAME]
    return RedirectResponse(f"{context.root}/preferences/{token}?{urlencode(query)}", 303)


@router.post("/preferences/{token}/preview")
def preview_form(context: Context, token: str, form: Posted) -> Response:
    """Show the effect of saving the form, without saving it. POST because the form can be long.

    The page's script requests only the part that changes.
    """
    with context.container.database.read() as connection:
        subscriber = context.subscriber(connection, "preferences", token)
    if not context.previews.hit(PREVIEWS, subscriber.key):
        raise TryLater(gettext("Too many previews; please save your changes, or continue in an hour."), 3600)
    if form.text("part") != "preview":
        return show_preferences(context, subscriber, token, "", form)
    ticked = set(form.all("like"))
    with context.container.database.read() as connection:
        try:
            shown = _previewed(context, connection, subscriber, form)
        except (BadInput, NotFound) as error:
            shown = {**NO_PREVIEW, "problem": str(error)}
        rated = rated_ids(connection, subscriber)
        starters = _starters(context, connection, form.raw("topics")[:LONGEST_TYPED], ticked)
    return context.private_page(
        "preview_part.html",
        is_mail=False,
        is_new=bool(form.text("new")),
        ticked=ticked,
        is_unknown=False,
        starters=[card for card in starters if card.paper_id not in rated],
        **shown,
    )


def _previewed(
    context: WebContext, connection: Connection, subscriber: Subscriber, form: Form | None
) -> dict[str, Any]:
    """Return the values of the preview: for the subscriber as stored, or as the form would change them.

    Raises BadInput or NotFound if the form cannot be saved.
    """
    planned: Draft | None = None
    if form is not None:
        changes, likes = _changes(form)
        library = previewed_library(connection, form)
        planned = draft(
            connection, context.container.profiles, subscriber, changes, context.now(), likes, library
        )
    selection = context.preview(connection, subscriber, planned)
    note = "" if selection.picks else gettext(NOTES[quiet_reason(selection.considered, selection.state)])
    return {**NO_PREVIEW, "selection": selection, "note": note, "today": context.today(subscriber)}


def _changes(form: Form) -> tuple[Change, list[str]]:
    """Return the changes of a form, and the papers it likes. Raises BadInput."""
    likes = [canonical_id(one) for one in form.all("like")]
    fields: dict[str, Any] = {
        **{name: list(form.lines(name)) for name in _WORDS},
        "follow": [*form.lines("follow"), *form.all("follow_also")],
        "categories": list(form.words("categories")),
        **{name: form.text(name) for name in ("timezone", "frequency", "layout", "language")},
        **{name: form.number(name) for name in ("hour", "max_papers") if name in form},
    }
    # A field that the form does not have stays unchanged.
    changes = change_from(**{name: value for name, value in fields.items() if name in form})
    return changes, list(dict.fromkeys(likes))


def _save(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    container = context.container
    changes, likes = _changes(form)
    changes = replace(changes, follow=with_names(context, subscriber, changes.follow))
    with container.database.read() as connection:
        # Reading the reference corpus takes a second; here it blocks no other writer.
        container.profiles.reference(connection)
    change(container.database, container.profiles, subscriber.address, changes, context.now(), likes=likes)
    # A welcome may wait for the first interests.
    context.request_worker.wake()
    return "saved"


def _pause(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    text = form.text("until")
    try:
        until = date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(
            gettext("This is not a date; please choose the day on which mail starts again.")
        ) from None
    pause(context.container.database, subscriber.address, until, context.now())
    return "paused"


def _resume(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    if subscriber.status in {"unsubscribed", "pending"}:
        resubscribe(
            context.container.database, context.container.secret, subscriber.key, context.now(), "web"
        )
    else:
        resume(context.container.database, context.container.secret, subscriber.address, context.now())
    return "resumed"


def _remove_feedback(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    record_feedback(
        context.container.database, context.container.profiles, subscriber.key, form.text("paper"), None, context.now()
    )  # fmt: skip
    return "forgotten"


def _forget_library(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    forget_library(context, subscriber)
    return "emptied"


def _unsubscribe(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    unsubscribe(context.container.database, context.container.secret, subscriber.key, context.now(), "web")
    context.request_worker.wake()
    return "left"


def _erase(context: WebContext, subscriber: Subscriber, _form: Form) -> str:
    remove(context.container.database, context.container.secret, subscriber.address, context.now())
    return "erased"


_ACTIONS: dict[str, Callable[[WebContext, Subscriber, Form], str]] = {
    "save": _save,
    "pause": _pause,
    "resume": _resume,
    "forget": _remove_feedback,
    "forget-library": _forget_library,
    "unsubscribe": _unsubscribe,
    "erase": _erase,
    **TEAM_ACTIONS,
}


@router.get("/preferences/{token}/export")
def export(context: Context, token: str) -> Response:
    """Return all that is stored about a subscriber, as a JSON file."""
    claim = context.claim("preferences", token)
    with context.container.database.read() as connection:
        subscriber = subscriber_of(connection, claim.subscriber_key)
        found = personal_data(connection, subscriber.address)
    content = json.dumps(found, default=_plain, ensure_ascii=False, indent=2)
    headers = {
        "Content-Disposition": 'attachment; filename="trending-papers.json"',
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
    return Response(content, media_type="application/json", headers=headers)


def _plain(value: Any) -> str:
    return str(value.isoformat())
