"""The library in the preferences form: a file, pasted text, works from ORCID or Zotero, and papers by an author's name."""

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer
from limits import RateLimitItemPerHour

from digest.domain.pick import Card
from digest.domain.subscriber import Subscriber
from digest.errors import StopRun, TryLater
from digest.papers.sources.orcid import works_of
from digest.papers.sources.zotero import items_of
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.subscribers.library import MatchedLibrary, add_library, match_library, remove_library
from digest.subscribers.library_files.csl_json import entries_of
from digest.subscribers.library_files.entry import MOST_ENTRIES, entry_of
from digest.subscribers.library_files.read import Library, library_of, read_library
from digest.text.languages import gettext
from digest.web.context import WebContext
from digest.web.forms import Form

LOOKUPS = RateLimitItemPerHour(20)
"""Requests to ORCID, or to Zotero, for one subscriber."""
BY_AUTHOR = 50
"""Papers by an author that are offered."""


LONGEST_NAME = 100
_LONGEST_REPORT = 1_000


@dataclass(frozen=True, slots=True)
class LibraryShown:
    """What the part of the form about the library shows."""

    report: str = ""
    """What was understood of the library that was just added."""
    author: str = ""
    """The name of an author whose papers are offered."""


NO_LIBRARY = LibraryShown()


def posted_library(form: Form) -> Library | None:
    """Return the library in the file and the pasted text of a form; None without either."""
    given = [content for content in (form.file("file"), form.raw("pasted").strip()) if content]
    libraries = [read_library(content) for content in given]
    if len(libraries) < 2:
        return libraries[0] if libraries else None
    entries = [entry for one in libraries for entry in one.understood]
    both = library_of("file and text", entries)
    lost = tuple(label for one in libraries for label in one.not_understood)
    return Library(both.format, both.understood, lost, any(one.is_cut for one in libraries))


def previewed_library(connection: Connection, form: Form) -> MatchedLibrary | None:
    """Return the posted library beside the store; None without one. Raises BadInput when nothing was understood."""
    library = posted_library(form)
    return None if library is None else match_library(connection, library)


def save_library(context: WebContext, subscriber: Subscriber, form: Form) -> str:
    """Add what the form holds to the subscriber's library; return a report, or "" when it holds nothing.

    Raises BadInput when nothing was understood, and NotFound or TryLater from ORCID and Zotero. The key of Zotero is
    used for these requests alone.
    """
    libraries = [posted_library(form)]
    if orcid := form.text("orcid"):
        libraries.append(_works(context, subscriber, orcid))
    if form.text("zotero") or form.text("zotero_key"):
        libraries.append(_zotero(context, subscriber, form.text("zotero"), form.text("zotero_key")))
    container = context.container
    reports = [
        add_library(container.database, container.profiles, subscriber, library, context.now())
        for library in libraries
        if library is not None
    ]
    return " ".join(report.sentence for report in reports)


def _works(context: WebContext, subscriber: Subscriber, orcid: str) -> Library:
    _count_lookup(context, subscriber, "ORCID")
    try:
        works = works_of(orcid, context.container.settings.orcid_url, context.container.watched_fetcher)
    except (StopRun, TryLater) as error:
        # For this person it is no more than a source that does not answer.
        raise TryLater(
            gettext("The works of this ORCID iD cannot be read now: %(reason)s", reason=error)
        ) from None
    return library_of("ORCID", [entry_of(orcid, work.title, "", " ".join(work.ids)) for work in works])


def _zotero(context: WebContext, subscriber: Subscriber, library: str, key: str) -> Library:
    _count_lookup(context, subscriber, "Zotero")
    try:
        items = items_of(
            library,
            key,
            MOST_ENTRIES,
            context.container.settings.zotero_url,
            context.container.watched_fetcher,
        )
    except StopRun as error:
        raise TryLater(gettext("This Zotero library cannot be read now: %(reason)s", reason=error)) from None
    return library_of("Zotero", entries_of(items))


def _count_lookup(context: WebContext, subscriber: Subscriber, service: str) -> None:
    """Count a request of a subscriber. Raises TryLater above the limit."""
    if not context.previews.hit(LOOKUPS, f"{service} {subscriber.key}"):
        raise TryLater(
            gettext("Too many requests to %(service)s; please continue in an hour.", service=service), 3600
        )


def forget_library(context: WebContext, subscriber: Subscriber) -> None:
    """Remove the papers that are known by their text alone."""
    remove_library(context.container.database, context.container.profiles, subscriber, context.now())


def library_values(
    context: WebContext, connection: Connection, subscriber: Subscriber, author: str
) -> tuple[list[Card], int]:
    """Return the stored papers by an author of this name, and how many library papers are known by their text alone."""
    found = paper_store.find_by_author(connection, author, BY_AUTHOR) if author else []
    kept = library_store.count_library(connection, [subscriber.id]).get(subscriber.id, 0)
    return context.catalogue.cards(connection, found), kept


def sign_report(context: WebContext, subscriber: Subscriber, report: str) -> str:
    """Return a report for the address of the page that follows, which nobody else can make up."""
    return str(_signer(context).dumps([subscriber.key, report[:_LONGEST_REPORT]]))


def read_report(context: WebContext, subscriber: Subscriber, signed: str) -> str:
    """Return a signed report of this subscriber; "" for anything else."""
    try:
        key, report = _signer(context).loads(signed)
    except (BadData, ValueError, TypeError):
        return ""
    return str(report) if key == subscriber.key else ""


def _signer(context: WebContext) -> URLSafeSerializer:
    return URLSafeSerializer(context.container.secret, salt="library report")
