"""A subscriber's library: its stored papers are liked, and the others teach by their titles and abstracts.

A paper that is not stored is kept with its text until it arrives in the store; then it is a liked paper like any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.domain.subscriber import Subscriber, Verdict
from digest.errors import BadInput
from digest.papers.identifiers import canonical_id, is_title_id, title_id
from digest.store import feedback as feedback_store
from digest.store import library_papers as library_store
from digest.store import papers as paper_store
from digest.store.database import Connection, Database
from digest.store.library_papers import LibraryPaper
from digest.store.papers import StoredPaper
from digest.store.pending_feedback import save_pending
from digest.subscribers.arrivals import hasten_welcome
from digest.subscribers.library_files.entry import Entry
from digest.subscribers.library_files.read import Library
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.teams import lock_team, teammates
from digest.text.languages import decimal, gettext, ngettext

NAMED_IN_REPORT = 5
"""Entries that were not understood and that the sentence of a report names."""


@dataclass(frozen=True, slots=True)
class MatchedLibrary:
    """A library beside the store."""

    library: Library
    stored: tuple[StoredPaper, ...]
    """The papers that are stored."""
    unstored: tuple[LibraryPaper, ...]
    """Those that are not: they teach by their text, if they have one."""
    to_fetch: tuple[str, ...]
    """The arXiv ids of those that are not stored."""
    untitled: int
    """Entries that have an id alone and are not stored."""

    @property
    def report(self) -> "LibraryReport":
        """Return what was understood."""
        return LibraryReport(
            format=self.library.format,
            entries=self.library.size,
            understood=len(self.library.understood),
            known=len(self.library.understood) - self.untitled - self.learned,
            learned=self.learned,
            awaited=self.untitled,
            not_understood=self.library.not_understood,
            is_cut=self.library.is_cut,
        )

    @property
    def learned(self) -> int:
        """Return how many papers teach by their text."""
        return sum(1 for one in self.unstored if one.title)

    def texts(self, earlier: Iterable[LibraryPaper] = ()) -> list[tuple[str, str]]:
        """Return the (title, abstract) texts that teach, together with those of an earlier library."""
        # In the order in which they are stored: the profile of a preview is that of the saved library.
        added = sorted(self.unstored, key=lambda one: one.key)
        return library_store.texts_of({one.key: one for one in (*earlier, *added)}.values())


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """What was understood of a library."""

    format: str
    entries: int
    understood: int
    known: int
    """Papers that are stored."""
    learned: int
    """Papers that are not stored and have a title."""
    awaited: int
    """Papers that have an id alone and are not stored: they count when they arrive."""
    not_understood: tuple[str, ...] = ()
    is_cut: bool = False
    """Whether the library had more entries than are read."""

    @property
    def sentence(self) -> str:
        """Return the report as one sentence."""
        said = self._counts()
        if self.not_understood:
            named = ", ".join(f"“{one}”" for one in self.not_understood[:NAMED_IN_REPORT])
            more = len(self.not_understood) - NAMED_IN_REPORT
            if more > 0:
                named = ngettext(
                    "%(entries)s and %(num)s more", "%(entries)s and %(num)s more", more, entries=named
                )
            said = gettext("%(report)s; not understood: %(entries)s", report=said, entries=named)
        if self.is_cut:
            said = gettext("%(report)s; the entries after these were not read", report=said)
        return gettext("%(report)s.", report=said)

    def _counts(self) -> str:
        parts = []
        if self.known:
            parts.append(ngettext("%(num)s known paper", "%(num)s known papers", self.known))
        if self.learned:
            parts.append(
                ngettext("%(num)s learned from its title", "%(num)s learned from their titles", self.learned)
            )
        if self.awaited:
            parts.append(
                ngettext(
                    "%(num)s that will count when it arrives",
                    "%(num)s that will count when they arrive",
                    self.awaited,
                )
            )
        understood, entries = decimal(self.understood), decimal(self.entries)
        if not parts:
            return gettext("%(understood)s of %(entries)s understood", understood=understood, entries=entries)
        return gettext(
            "%(understood)s of %(entries)s understood: %(parts)s",
            understood=understood,
            entries=entries,
            parts=", ".join(parts),
        )


def match_library(connection: Connection, library: Library) -> MatchedLibrary:
    """Look the papers of a library up. Raises BadInput when none was understood."""
    if not library.understood:
        raise BadInput(
            ngettext(
                "No paper was understood of %(num)s entry; give BibTeX, RIS, CSL-JSON, a table with titles, "
                "or a list of ids, DOIs or titles.",
                "No paper was understood of %(num)s entries; give BibTeX, RIS, CSL-JSON, a table with titles, "
                "or a list of ids, DOIs or titles.",
                library.size,
            )
            if library.size
            else gettext("No paper was found; give BibTeX, RIS, CSL-JSON, or a list of ids, DOIs or titles.")
        )
    titles = {title_id(entry.title) for entry in library.understood if entry.title}
    found = paper_store.find_known(connection, _ids_of(library.understood), titles)
    by_id = {stored.paper.id: stored for stored in found}
    by_title = {stored.title_id: stored for stored in found}
    known: dict[int, StoredPaper] = {}
    unstored: dict[str, LibraryPaper] = {}
    to_fetch: list[str] = []
    untitled = 0
    for entry in library.understood:
        if stored := _stored(entry, by_id, by_title):
            known[stored.row_id] = stored
            continue
        if entry.paper_id:
            to_fetch.append(entry.paper_id)
        untitled += not entry.title
        if entry.title or entry.doi:
            kept = _kept(entry, library.format)
            unstored[kept.key] = kept
    return MatchedLibrary(library, tuple(known.values()), tuple(unstored.values()), tuple(to_fetch), untitled)


def _ids_of(entries: Sequence[Entry]) -> list[str]:
    return [one for entry in entries for one in lookup_ids(entry.paper_id, entry.doi)]


def lookup_ids(arxiv_id: str, doi: str) -> list[str]:
    """Return the ids under which a paper with this arXiv id and this DOI can be stored; either may be empty."""
    found = [arxiv_id] if arxiv_id else []
    try:
        return [*found, canonical_id(doi)] if doi else found
    except BadInput:
        return found


def _stored(
    entry: Entry, by_id: dict[str, StoredPaper], by_title: dict[str, StoredPaper]
) -> StoredPaper | None:
    for paper_id in lookup_ids(entry.paper_id, entry.doi):
        if paper_id in by_id:
            return by_id[paper_id]
    namesake = by_title.get(title_id(entry.title)) if entry.title else None
    # Two arXiv ids are two papers, even of one title.
    if namesake and entry.paper_id and not is_title_id(namesake.paper.id):
        return None
    return namesake


def _kept(entry: Entry, source: str) -> LibraryPaper:
    return LibraryPaper(
        key=title_id(entry.title) if entry.title else entry.doi,
        title=entry.title,
        abstract=entry.abstract,
        arxiv_id=entry.paper_id or None,
        doi=entry.doi or None,
        source=source,
    )


def add_library(
    database: Database, builder: ProfileBuilder, subscriber: Subscriber, library: Library, now: datetime
) -> LibraryReport:
    """Let the profiles of a subscriber and their team learn from a library; return what was understood. Raises BadInput.

    Adding the same library again changes nothing. A paper that the subscriber wanted less of stays as it is.
    """
    with database.read() as connection:
        match_library(connection, library)
        # Reading the reference corpus is slow; outside of the write transaction it does not block writers.
        builder.reference(connection)
    with database.begin() as connection:
        lock_team(connection, subscriber)
        matched = match_library(connection, library)
        everyone = [subscriber.id, *teammates(connection, subscriber)]
        for owner in everyone:
            from_team = owner != subscriber.id
            liked = [(owner, stored.row_id, now) for stored in matched.stored]
            feedback_store.like_all(connection, liked, from_team=from_team)
            fetched = [(owner, one, Verdict.MORE) for one in matched.to_fetch]
            save_pending(connection, fetched, now, from_team=from_team)
        library_store.save_library(
            connection, [(owner, one) for owner in everyone for one in matched.unstored], now
        )
        builder.rebuild(connection, everyone, now)
        hasten_welcome(connection, subscriber, now)
    return matched.report


def remove_library(database: Database, builder: ProfileBuilder, subscriber: Subscriber, now: datetime) -> int:
    """Forget, for the whole team, the papers that are known by their text alone; return how many there were."""
    with database.begin() as connection:
        lock_team(connection, subscriber)
        removed = library_store.delete_library(connection, subscriber.id)
        everyone = [subscriber.id, *teammates(connection, subscriber)]
        for owner in everyone[1:]:
            library_store.delete_library(connection, owner)
        builder.rebuild(connection, everyone, now)
    return removed
