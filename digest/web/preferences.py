"""Everything a reader can set, see, download and erase, behind their signed link."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from limits import RateLimitItemPerHour

from digest.delivery.outcome import NOTES, quiet_reason
from digest.errors import BadInput, NotFound, TryLater
from digest.mail.letter import Card
from digest.mail.wording import one_line
from digest.papers.identifiers import canonical_id
from digest.readers.consent import reader_of, resubscribe
from digest.readers.consent import unsubscribe as leave
from digest.readers.feedback import give
from digest.readers.knowledge import known_interests
from digest.readers.pasted import read_pasted
from digest.readers.preferences import Change, Draft, change, draft, pause, remove, resume
from digest.readers.privacy import portrait
from digest.readers.subscriber import FREQUENCIES, Subscriber
from digest.readers.transfer import change_from
from digest.store import deliveries as ledger
from digest.store import papers as paper_store
from digest.store import readers as reader_store
from digest.store.database import Connection
from digest.web.forms import Form, Posted
from digest.web.site import OnSite, Site

router = APIRouter(include_in_schema=False)
PAST_DIGESTS = 30
MARKED_SHOWN = 200
PREVIEWS = RateLimitItemPerHour(1000)
"""For one reader: as many as somebody sees who types for five minutes without a rest."""
_WORDS = ("topics", "must", "mute", "follow")
_NOT_SHOWN: dict[str, Any] = {"selection": None, "note": "", "problem": ""}
_PLACES = {
    "Africa", "America", "Antarctica", "Arctic", "Asia",
    "Atlantic", "Australia", "Europe", "Indian", "Pacific",
}  # fmt: skip
DONE = {
    "confirmed": "Your subscription is confirmed. Say what you work on, and the first digest comes soon.",
    "saved": "Saved.",
    "paused": "Paused. You get no mail until it is over.",
    "resumed": "Welcome back. Mail comes again.",
    "forgotten": "Taken back. That paper no longer affects your digests.",
    "left": "You are unsubscribed. We send you no more mail.",
}


@router.get("/preferences/{token}")
def preferences(site: OnSite, token: str, done: str = "") -> Response:
    """Show all that a reader can set and what is kept about them."""
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "preferences", token)
    return show_preferences(site, subscriber, token, done if done in DONE else "")


def show_preferences(
    site: Site, subscriber: Subscriber, token: str, done: str, typed: Form | None = None, wrong: str = ""
) -> Response:
    """Return the page of a reader, with a word on what was just done or what went wrong.

    With `typed`, its fields hold what was typed and not saved, and the preview is what that would bring.
    """
    with site.parts.database.read() as connection:
        said = reader_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])[-MARKED_SHOWN:]
        papers = paper_store.find_by_numbers(connection, [number for number, _ in said])
        known = known_interests(connection, site.parts.profiles, subscriber)
        past = ledger.sent_editions(connection, [subscriber.id], PAST_DIGESTS)
        shown: dict[str, Any] = _NOT_SHOWN
        if not wrong and (typed is not None or done in {"saved", "confirmed"}):
            try:
                shown = _previewed(site, connection, subscriber, typed)
            except (BadInput, NotFound) as error:
                wrong = str(error)
        ticked = set(typed.all("like")) if typed is not None else set()
        starters = _starters(site, connection, ticked)
    marked = {stored.paper.id for stored in papers.values()}
    return site.private_page(
        "preferences.html",
        422 if wrong else 200,
        reader=subscriber,
        token=token,
        done=DONE.get(done, ""),
        is_new=done == "confirmed" or (typed is not None and bool(typed.text("new"))),
        wrong=wrong,
        fields=_fields(subscriber, typed),
        is_typed=typed is not None,
        ticked=ticked,
        frequencies=FREQUENCIES,
        zones=zones(subscriber.rhythm.timezone),
        starters=[card for card in starters if card.paper_id not in marked],
        liked=[papers[number].paper for number, verdict in said if verdict == "more"],
        disliked=[papers[number].paper for number, verdict in said if verdict == "less"],
        known=known,
        past=[(edition_on, site.token("digest", subscriber, edition_on))
              for edition_on in past.get(subscriber.id, [])],
        feed=site.token("feed", subscriber, subscriber.created_at.date()),
        tomorrow=site.now().date() + timedelta(days=1),
        **shown,
    )  # fmt: skip


def _starters(site: Site, connection: Connection, ticked: set[str]) -> list[Card]:
    """Return the papers to be ticked; those that were ticked already stay, whatever is offered by now."""
    offered = site.catalogue.starters()
    gone = sorted(ticked - {card.paper_id for card in offered})[:MARKED_SHOWN]
    return [
        *offered,
        *site.catalogue.cards(connection, list(paper_store.find_by_ids(connection, gone).values())),
    ]


def _fields(subscriber: Subscriber, typed: Form | None) -> dict[str, str]:
    """Return what stands in the fields of the form: what was typed, else what is stored."""
    asked, rhythm = subscriber.interests, subscriber.rhythm
    stored = {
        **{name: "\n".join(getattr(asked, name)) for name in _WORDS},
        "categories": " ".join(asked.categories),
        "pasted": "",
        "frequency": rhythm.frequency,
        "hour": str(rhythm.hour),
        "timezone": rhythm.timezone,
        "max_papers": str(subscriber.max_papers),
    }
    if typed is None:
        return stored
    return {
        name: "\n".join(map(one_line, typed.raw(name).splitlines())) if name in typed else value
        for name, value in stored.items()
    }


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
        return show_preferences(site, subscriber, token, "", form, str(error))
    if done == "erased":
        return site.private_page("erased.html")
    # So that loading the page again does not do it again. The way there is ours, never the caller's.
    return RedirectResponse(f"{site.root}/preferences/{token}?done={done}", 303)


@router.post("/preferences/{token}/preview")
def look(site: OnSite, token: str, form: Posted) -> Response:
    """Show what saving the form would bring, and save nothing. POST only because the form can be long.

    The page's script asks for the part that changes alone.
    """
    with site.parts.database.read() as connection:
        subscriber = site.reader(connection, "preferences", token)
    if not site.previews.hit(PREVIEWS, subscriber.key):
        raise TryLater("These were many previews; please save what you have, or go on in an hour.", 3600)
    if form.text("part") != "preview":
        return show_preferences(site, subscriber, token, "", form)
    with site.parts.database.read() as connection:
        try:
            shown = _previewed(site, connection, subscriber, form)
        except (BadInput, NotFound) as error:
            shown = {**_NOT_SHOWN, "problem": str(error)}
    return site.private_page("_preview.html", **shown)


def _previewed(
    site: Site, connection: Connection, subscriber: Subscriber, form: Form | None
) -> dict[str, Any]:
    """Return what the preview shows: of the reader as stored, or as a form would leave them.

    Raises BadInput or NotFound for what cannot be saved.
    """
    planned: Draft | None = None
    if form is not None:
        wanted, likes = _wanted(connection, form)
        planned = draft(connection, site.parts.profiles, subscriber, wanted, site.now(), likes)
    selection = site.preview(connection, subscriber, planned)
    note = "" if selection.picks else NOTES[quiet_reason(selection.considered, selection.state)]
    return {**_NOT_SHOWN, "selection": selection, "note": note, "today": site.today(subscriber)}


def _wanted(connection: Connection, form: Form) -> tuple[Change, list[str]]:
    """Return what the form changes, and the papers it likes. Raises BadInput."""
    likes = [canonical_id(one) for one in form.all("like")]
    if pasted := form.raw("pasted"):
        likes += _known_papers(connection, pasted)
    fields: dict[str, Any] = {
        **{name: list(form.lines(name)) for name in _WORDS},
        "categories": list(form.words("categories")),
        **{name: form.text(name) for name in ("timezone", "frequency")},
        **{name: form.number(name) for name in ("hour", "max_papers") if name in form},
    }
    # A field that the form did not have stays as it was.
    wanted = change_from(**{name: value for name, value in fields.items() if name in form})
    return wanted, list(dict.fromkeys(likes))


def _save(site: Site, subscriber: Subscriber, form: Form) -> str:
    parts = site.parts
    with parts.database.read() as connection:
        wanted, likes = _wanted(connection, form)
        # Reading the background takes its time; done here, it keeps no writer waiting.
        parts.profiles.background(connection)
    change(parts.database, parts.profiles, subscriber.address, wanted, site.now(), likes=likes)
    return "saved"


def _known_papers(connection: Connection, text: str) -> list[str]:
    """Return the papers a text names: those that are stored, and arXiv ids that can be fetched.

    Raises BadInput when there is none of either.
    """
    pasted = read_pasted(text)
    found = paper_store.find_known(connection, pasted.ids, pasted.title_ids)
    if not found and not pasted.ids:
        named = len(pasted.title_ids)
        raise BadInput(
            f"None of the {named} papers you pasted is among those we have; name a few by their arXiv ids."
            if named
            else "We found no paper in what you pasted; arXiv ids, BibTeX and RIS are understood."
        )
    return list(dict.fromkeys([*(stored.paper.id for stored in found), *pasted.ids]))


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
        resubscribe(site.parts.database, site.parts.secret, subscriber.key, site.now(), "web")
    else:
        resume(site.parts.database, site.parts.secret, subscriber.address, site.now())
    return "resumed"


def _forget(site: Site, subscriber: Subscriber, form: Form) -> str:
    give(
        site.parts.database, site.parts.profiles, subscriber.key, form.text("paper"), None, site.now()
    )  # fmt: skip
    return "forgotten"


def _leave(site: Site, subscriber: Subscriber, _form: Form) -> str:
    leave(site.parts.database, site.parts.secret, subscriber.key, site.now(), "web")
    return "left"


def _erase(site: Site, subscriber: Subscriber, _form: Form) -> str:
    remove(site.parts.database, site.parts.secret, subscriber.address, site.now())
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
