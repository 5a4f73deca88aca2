"""Taking papers in: what feeds and files show becomes rows, once each, with their terms beside them."""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import DigestError
from digest.papers.identifiers import id_month, is_title_id, title_id
from digest.papers.sources.common import Rejected
from digest.ranking.terms import Statistics, count_terms, pack_counts, unpack_counts
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database
from digest.store.papers import StoredPaper

# Large enough that a statement's fixed cost vanishes, small enough that memory stays flat.
CHUNK = 1000
# New document frequencies are cut when a tenth of the papers is not counted yet: often enough to know
# new words, so seldom that profiles rarely have to move.
UNCOUNTED_SHARE = 0.1


EARLIEST = date(1900, 1, 1)
FURTHEST_AHEAD = timedelta(days=31)


@dataclass(slots=True)
class IngestResult:
    """What became of the items of one feed or file."""

    seen: int = 0
    added: int = 0
    changed: int = 0
    snapshots: int = 0
    newest_on: date | None = None
    rejected: list[Rejected] = field(default_factory=list)
    error: DigestError | None = None
    """Why the feed broke off; what came before it is stored."""

    @property
    def unchanged(self) -> int:
        """Papers that were stored just so already."""
        return self.seen - self.added - self.changed


def ingest(
    database: Database,
    items: Iterable[FeedItem | Rejected],
    now: datetime,
    progress: Callable[[IngestResult], None] = lambda _: None,
    result: IngestResult | None = None,
) -> IngestResult:
    """Store feed items as they come, a transaction per thousand, and tell `progress` after each.

    A rejected item costs itself alone; a feed that raises a DigestError costs what it had still to give.
    Taking the same in again changes nothing. Whoever gives a `result` has it even when an error is raised.
    """
    result = IngestResult() if result is None else result
    good_items = _good_ones(items, now.date(), result)
    while result.error is None and (chunk := _next_chunk(good_items, result)):
        with database.begin() as connection:
            paper_store.lock_ingestion(connection)
            _store_chunk(connection, chunk, now, result)
        progress(result)
    if result.added:
        with database.begin() as connection:
            paper_store.lock_ingestion(connection)
            count_new_papers(connection, now)
    return result


def _good_ones(items: Iterable[FeedItem | Rejected], today: date, result: IngestResult) -> Iterator[FeedItem]:
    for item in items:
        if isinstance(item, Rejected):
            result.rejected.append(item)
        elif not _is_possible(item.paper.announced_on, today):
            reason = f"the date {item.paper.announced_on} is out of range"
            result.rejected.append(Rejected(item.paper.id, reason))
        else:
            yield item


def _is_possible(announced_on: date | None, today: date) -> bool:
    """Whether a paper can have been announced on a day; listings are dated a few days ahead at most."""
    return announced_on is None or EARLIEST <= announced_on <= today + FURTHEST_AHEAD


def _next_chunk(items: Iterator[FeedItem], result: IngestResult) -> list[FeedItem]:
    chunk: list[FeedItem] = []
    try:
        for item in islice(items, CHUNK):
            chunk.append(item)  # noqa: PERF402 - when the feed breaks off, what it gave stays here
    except DigestError as error:
        result.error = error
    return chunk


@dataclass(slots=True)
class _Match:
    """One paper of a chunk: as it was stored (None: not at all), and as it will be."""

    before: StoredPaper | None
    after: StoredPaper
    snapshots: list[Popularity] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return self.before is not None and self.before != self.after


def _store_chunk(connection: Connection, chunk: list[FeedItem], now: datetime, result: IngestResult) -> None:
    entries = _match_stored(connection, chunk, now)
    added = [entry.after for entry in entries if entry.before is None]
    changed = [entry.after for entry in entries if entry.is_changed]
    row_ids = {entry.after.paper.id: entry.after.row_id for entry in entries}
    row_ids |= paper_store.insert_papers(connection, added, now)
    paper_store.update_papers(connection, changed, now)

    rewritten = [one.paper for one in (*added, *changed)]
    blobs = pack_counts(count_terms([(paper.title, paper.abstract) for paper in rewritten]))
    paper_store.save_terms(
        connection, {row_ids[paper.id]: blob for paper, blob in zip(rewritten, blobs, strict=True)}
    )

    snapshots = {row_ids[entry.after.paper.id]: entry.snapshots for entry in entries if entry.snapshots}
    result.seen += len(entries)
    result.added += len(added)
    result.changed += len(changed)
    result.snapshots += _store_snapshots(connection, snapshots)
    dates = [entry.after.announced_on for entry in entries]
    result.newest_on = max(filter(None, [result.newest_on, *dates]), default=None)


def _match_stored(connection: Connection, chunk: list[FeedItem], now: datetime) -> list[_Match]:
    """Bring each sighting together with the paper it is of: by its id, or by its title where one has no id."""
    title_ids = {item.paper.id: title_id(item.paper.title) for item in chunk}
    known = paper_store.find_known(connection, title_ids.keys(), set(title_ids.values()))
    entries = [_Match(before=stored, after=stored) for stored in known]
    by_id = {entry.after.paper.id: entry for entry in entries}
    by_title = {entry.after.title_id: entry for entry in entries}
    matched: dict[int, _Match] = {}
    for item in chunk:
        paper = item.paper
        entry = by_id.get(paper.id)
        if entry is None:
            namesake = by_title.get(title_ids[paper.id])
            if namesake and (is_title_id(paper.id) or is_title_id(namesake.after.paper.id)):
                entry = namesake
        if entry is None:
            entry = _Match(before=None, after=new_stored_paper(paper, now))
        else:
            entry.after = merge(entry.after, paper)
        by_id[entry.after.paper.id] = by_title[entry.after.title_id] = matched[id(entry)] = entry
        if item.popularity is not None:
            entry.snapshots.append(item.popularity)
    return list(matched.values())


def new_stored_paper(paper: Paper, now: datetime) -> StoredPaper:
    """Return what to store of a paper never seen before, with a guess where its date is unknown."""
    announced_on = paper.announced_on or _guessed_date(paper.id, now)
    return StoredPaper(
        row_id=0,
        paper=replace(paper, announced_on=announced_on),
        title_id=title_id(paper.title),
        announced_guessed=paper.announced_on is None,
        first_seen_at=now,
    )


def _guessed_date(paper_id: str, now: datetime) -> date:
    """Return the day it was seen; but for an id of an earlier month, that month's last: it is not new."""
    year, month = id_month(paper_id) or (now.year, now.month)
    if (year, month) >= (now.year, now.month):
        return now.date()
    return date(year, month, monthrange(year, month)[1])


def merge(stored: StoredPaper, paper: Paper) -> StoredPaper:
    """Return the stored paper as a further sighting leaves it.

    A sighting with categories is arXiv's own record: its text, authors and withdrawal replace what is
    stored. A sighting without them (a page that shows papers) only fills what is empty, so that two
    feeds which tell a paper differently do not overwrite each other for ever. A date once told stays, as a
    later version is not a new paper; but arXiv's own goes before the day a page took the paper up.
    """
    old = stored.paper
    is_record = bool(paper.categories) or not old.categories
    replaces_text = is_record and bool(paper.abstract or not old.abstract) and not is_title_id(paper.id)
    text_from = paper if replaces_text else old
    told = paper.announced_on is not None and (
        stored.announced_guessed or (not old.categories and bool(paper.categories))
    )
    merged = replace(
        old,
        id=old.id if is_title_id(paper.id) else paper.id,
        title=text_from.title,
        abstract=text_from.abstract or old.abstract or paper.abstract,
        raw_title=text_from.raw_title,
        raw_abstract=text_from.raw_abstract or old.raw_abstract or paper.raw_abstract,
        authors=(paper.authors if is_record else None) or old.authors or paper.authors,
        categories=paper.categories or old.categories,
        announced_on=paper.announced_on if told else old.announced_on,
        withdrawn=paper.withdrawn if paper.categories else old.withdrawn or paper.withdrawn,
        links={**old.links, **paper.links},
    )
    if (merged.title, merged.abstract) == (old.title, old.abstract):
        # The same words with other line breaks are no change.
        merged = replace(merged, raw_title=old.raw_title, raw_abstract=old.raw_abstract)
    return replace(
        stored,
        paper=merged,
        title_id=title_id(merged.title),
        announced_guessed=stored.announced_guessed and not told,
    )


def _store_snapshots(connection: Connection, snapshots: dict[int, list[Popularity]]) -> int:
    """Store popularity, leaving out what repeats the level of the same day: it says nothing new."""
    latest = paper_store.latest_popularity(connection, snapshots.keys())
    fresh: list[tuple[int, Popularity]] = []
    for row_id, seen in snapshots.items():
        last = latest.get(row_id)
        for snapshot in sorted(seen, key=lambda one: one.observed_at):
            if last is None or not _repeats(last, snapshot):
                fresh.append((row_id, snapshot))
            last = snapshot if last is None else max(last, snapshot, key=lambda one: one.observed_at)
    return paper_store.save_popularity(connection, fresh)


def _repeats(last: Popularity, snapshot: Popularity) -> bool:
    return replace(last, observed_at=snapshot.observed_at) == snapshot and (
        abs(snapshot.observed_at - last.observed_at) < timedelta(days=1)
    )


def recount(database: Database, now: datetime, progress: Callable[[int], None]) -> bool:
    """Count all papers' terms anew if an older version of the term space counted them; tell whether it did.

    The profiles are then of a version that is gone, and are built anew before they are used. A recount
    that breaks off begins again.
    """
    with database.read() as connection:
        if not term_store.is_in_another_space(connection):
            return False
        last = term_store.newest_version(connection) or 0
    after, done = 0, 0
    while True:
        with database.begin() as connection:
            page = paper_store.page(connection, after, CHUNK)
            blobs = pack_counts(count_terms([(one.paper.title, one.paper.abstract) for one in page]))
            paper_store.save_terms(
                connection, {one.row_id: blob for one, blob in zip(page, blobs, strict=True)}
            )
        done += len(page)
        progress(done)
        if len(page) < CHUNK:
            break
        after = page[-1].row_id
    with database.begin() as connection:
        term_store.delete_statistics(connection)
        _count_all(connection, Statistics.empty(), last + 1, 0, now)
    return True


def count_new_papers(connection: Connection, now: datetime) -> None:
    """Cut a new version of the document frequencies once a tenth of the papers is not in the last one."""
    counted, after = term_store.counted_papers(connection)
    if paper_store.count_papers(connection) - counted <= UNCOUNTED_SHARE * counted:
        return
    last = term_store.newest_version(connection) or 0
    _count_all(connection, term_store.read_statistics(connection, last), last + 1, after, now)


def _count_all(
    connection: Connection, statistics: Statistics, version: int, after: int, now: datetime
) -> None:
    """Add every paper past a row number to the document frequencies, and store them as a new version."""
    through = paper_store.newest_row_id(connection)
    while after < through:
        blobs = paper_store.terms_between(connection, after, after + CHUNK)
        statistics = statistics.adding(unpack_counts(list(blobs.values())), version)
        after += CHUNK
    term_store.save_statistics(connection, statistics, through, now)
