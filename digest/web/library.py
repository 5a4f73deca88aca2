"""The library in the preferences form: a file, pasted text, the works of an ORCID iD, and papers by an author's name."""

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer
from limits import RateLimitItemPerHour

from digest.domain.pick import Card
from digest.domain.subscriber import Subscriber
from digest.errors import StopRun, TryLater
from digest.papers.sources.orcid import works_of
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.subscribers.library import MatchedLibrary, add_library, match_library, remove_library
from digest.subscribers.library_files.entry import entry_of
from digest.subscribers.library_files.read import Library, library_of, read_library
from digest.text.languages import gettext
from digest.web.context import WebContext
from digest.web.forms import Form

LOOKUPS = RateLimitItemPerHour(20)
"""Requests to ORCID for one subscriber."""
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

    Raises BadInput when nothing was understood, and NotFound or TryLater from ORCID.
    """
    libraries = [posted_library(form)]
    if orcid := form.text("orcid"):
        libraries.append(_works(context, subscriber, orcid))
    container = context.container
    reports = [
        add_library(container.database, container.profiles, subscriber, library, context.now())
        for library in libraries
        if library is not None
    ]
    return " ".join(report.sentence for report in reports)


def _works(context: WebContext, subscriber: Subscriber, orcid: str) -> Library:
    if not context.previews.hit(LOOKUPS, f"orcid {subscriber.key}"):
        raise TryLater(gettext("Too many requests to ORCID; please continue in an hour."), 3600)
    try:
        works = works_of(orcid, context.container.settings.orcid_url, context.container.watched_fetcher)
    except (StopRun, TryLater) as error:
        # For this person it is no more than a source that does not answer.
        raise TryLater(
            gettext("The works of this ORCID iD cannot be read now: %(reason)s", reason=error)
        ) from None
    return library_of("ORCID", [entry_of(orcid, work.title, "", " ".join(work.ids)) for work in works])


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
