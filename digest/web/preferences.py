"""Everything a reader can set, see, take along and erase, behind their signed link."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from digest.delivery.outcome import NOTES, quiet_reason
from digest.errors import BadInput, NotFound
from digest.papers.identifiers import canonical_id
from digest.readers.consent import reader_of, resubscribe
from digest.readers.consent import unsubscribe as leave
from digest.readers.feedback import give
from digest.readers.knowledge import known_interests
from digest.readers.pasted import read_pasted
from digest.readers.preferences import change, pause, remove, resume
from digest.readers.privacy import portrait
from digest.readers.subscriber import FREQUENCIES, Subscriber
from digest.readers.transfer import change_from
from digest.store import deliveries as ledger
from digest.store import papers as paper_store
from digest.store import readers as reader_store
from digest.web.forms import Form, Posted
from digest.web.site import OnSite, Site

router = APIRouter(include_in_schema=False)
PAST_DIGESTS = 30
MARKED_SHOWN = 200
_PLACES = {
    "Africa", "America", "Antarctica", "Arctic", "Asia",
    "Atlantic", "Australia", "Europe", "Indian", "Pacific",
}  # fmt: skip
DONE = {
    "confirmed": "Your subscription is confirmed. Say what you work on, and the first digest comes soon.",
    "saved": "Saved. What you would get now stands below.",
    "paused": "Paused. You get no mail until it is over.",
    "resumed": "Welcome back. Mail comes again.",
    "forgotten": "Taken back. That paper counts for nothing any more.",
    "left": "You are unsubscribed. No mail comes any more.",
}


@router.get("/preferences/{token}")
def preferences(site: OnSite, token: str, done: str = "") -> Response:
    """Show all that a reader can set and what is kept about them."""
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "preferences", token)
    return show_preferences(site, subscriber, token, done if done in DONE else "")


def show_preferences(site: Site, subscriber: Subscriber, token: str, done: str, wrong: str = "") -> Response:
    """Return the page of a reader, with a word on what was just done or what went wrong."""
    with site.parts.database.read() as connection:
        said = reader_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])[-MARKED_SHOWN:]
        papers = paper_store.find_by_numbers(connection, [number for number, _ in said])
        known = known_interests(connection, subscriber)
        past = ledger.find(connection, subscriber_id=subscriber.id, status="sent", limit=PAST_DIGESTS)
        wants_preview = done in {"saved", "confirmed"}
        selection = site.preview(connection, subscriber) if wants_preview else None
    marked = {number for number, _ in said}
    ids = {papers[number].paper.id for number in marked}
    note = ""
    if selection is not None and not selection.picks:
        note = NOTES[quiet_reason(selection.considered, selection.state)]
    return site.private_page(
        "preferences.html",
        422 if wrong else 200,
        reader=subscriber,
        token=token,
        done=DONE.get(done, ""),
        is_new=done == "confirmed",
        wrong=wrong,
        frequencies=FREQUENCIES,
        zones=zones(subscriber.rhythm.timezone),
        starters=[card for card in site.catalogue.starters() if card.paper_id not in ids],
        liked=[papers[number].paper for number, verdict in said if verdict == "more"],
        disliked=[papers[number].paper for number, verdict in said if verdict == "less"],
        known=known,
        past=[(row.edition_on, site.token("digest", subscriber, row.edition_on))
              for row in past if row.kind == "digest"],
        selection=selection,
        note=note,
        feed=site.token("feed", subscriber, subscriber.created_at.date()),
        tomorrow=site.now().date() + timedelta(days=1),
    )  # fmt: skip


@cache
def zones(present: str) -> list[tuple[str, list[str]]]:
    """Return the time zones by continent, the present one among them whatever it is called."""
    groups: dict[str, list[str]] = {}
    for name in sorted(available_timezones()):
        place = name.partition("/")[0]
        if name in {"UTC", present} or place in _PLACES:
            groups.setdefault(place if place in _PLACES else "Other", []).append(name)
    return sorted(groups.items())


@router.post("/preferences/{token}")
def act(site: OnSite, token: str, form: Posted) -> Response:
    """Do what one of the page's buttons says, then show the page again."""
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "preferences", token)
    action = _ACTIONS.get(form.text("do") or "save")
    if action is None:
        raise BadInput("This page has no such button; please open it again from your mail.")
    try:
        done = action(site, subscriber, form)
    except (BadInput, NotFound) as error:
        return show_preferences(site, subscriber, token, "", wrong=str(error))
    if done == "erased":
        return site.private_page("erased.html")
    # So that loading the page again does not do it again. The way there is ours, never the caller's.
    return RedirectResponse(f"{site.root}/preferences/{token}?done={done}", 303)


def _save(site: Site, subscriber: Subscriber, form: Form) -> str:
    likes = [canonical_id(one) for one in form.all("like")]
    if pasted := form.raw("pasted"):
        likes += _known_papers(site, pasted)
    fields: dict[str, Any] = {
        **{name: list(form.lines(name)) for name in ("topics", "must", "mute", "follow")},
        "categories": list(form.words("categories")),
        **{name: form.text(name) for name in ("timezone", "frequency")},
        **{name: form.number(name) for name in ("hour", "max_papers") if name in form},
    }
    # A field that the form did not have stays as it was.
    wanted = change_from(**{name: value for name, value in fields.items() if name in form})
    parts = site.parts
    with parts.database.read() as connection:
        # Reading the background takes its time; done here, it keeps no writer waiting.
        parts.profiles.background(connection)
    likes = list(dict.fromkeys(likes))
    change(parts.database, parts.profiles, subscriber.address, wanted, site.now(), likes=likes)
    return "saved"


def _known_papers(site: Site, text: str) -> list[str]:
    """Return those of the papers a text names that are stored. Raises BadInput when none is."""
    pasted = read_pasted(text)
    with site.parts.database.read() as connection:
        found = paper_store.find_known(connection, pasted.ids, pasted.title_ids)
    if not found:
        named = len({*pasted.ids, *pasted.title_ids})
        raise BadInput(
            f"None of the {named} papers you pasted is among those we have; name a few recent ones."
            if named
            else "We found no paper in what you pasted; arXiv ids, BibTeX and RIS are understood."
        )
    return [stored.paper.id for stored in found]


def _pause(site: Site, subscriber: Subscriber, form: Form) -> str:
    text = form.text("until")
    try:
        until = date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput("This is no date; please choose the day on which mail should come again.") from None
    pause(site.parts.database, subscriber.address, until, site.now())
    return "paused"


def _resume(site: Site, subscriber: Subscriber, _form: Form) -> str:
    if subscriber.status in {"unsubscribed", "pending"}:
        resubscribe(site.parts.database, subscriber.key, site.now(), "web")
    else:
        resume(site.parts.database, subscriber.address)
    return "resumed"


def _forget(site: Site, subscriber: Subscriber, form: Form) -> str:
    give(
        site.parts.database, site.parts.profiles, subscriber.key, form.text("paper"), None, site.now()
    )  # fmt: skip
    return "forgotten"


def _leave(site: Site, subscriber: Subscriber, _form: Form) -> str:
    leave(site.parts.database, subscriber.key, site.now(), "web")
    return "left"


def _erase(site: Site, subscriber: Subscriber, _form: Form) -> str:
    remove(site.parts.database, subscriber.address)
    return "erased"


_ACTIONS: dict[str, Callable[[Site, Subscriber, Form], str]] = {
    "save": _save,
    "pause": _pause,
    "resume": _resume,
    "forget": _forget,
    "unsubscribe": _leave,
    "erase": _erase,
}


@router.get("/preferences/{token}/export")
def export(site: OnSite, token: str) -> Response:
    """Return all that is kept about a reader, as a JSON file."""
    claim = site.claim("preferences", token)
    with site.parts.database.read() as connection:
        subscriber = reader_of(connection, claim.reader)
        found = portrait(connection, subscriber.address)
    content = json.dumps(found, default=_plain, ensure_ascii=False, indent=2)
    headers = {
        "Content-Disposition": 'attachment; filename="trending-papers.json"',
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
    return Response(content, media_type="application/json", headers=headers)


def _plain(value: Any) -> str:
    return str(value.isoformat())
