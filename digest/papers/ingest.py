"""Storing papers: each paper of feeds and files becomes one row, with its term counts."""

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import DigestError
from digest.metrics import INGESTED_PAPERS
from digest.papers.identifiers import id_month, is_title_id, title_id
from digest.papers.sources.common import Rejected
from digest.ranking.terms import Statistics, count_terms, pack_counts, unpack_counts
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database
from digest.store.papers import StoredPaper

# Large enough that the fixed cost of a statement is negligible, small enough that memory use stays constant.
CHUNK = 1000
# Document frequencies get a new version when a tenth of the papers is not counted yet: often enough to
# include new words, and so rarely that profiles are seldom rebuilt.
UNCOUNTED_SHARE = 0.1


EARLIEST = date(1900, 1, 1)
FURTHEST_AHEAD = timedelta(days=31)


@dataclass(slots=True)
class IngestResult:
    """The result of storing the items of one feed or file."""

    seen: int = 0
    added: int = 0
    changed: int = 0
    snapshots: int = 0
    newest_on: date | None = None
    rejected: list[Rejected] = field(default_factory=list)
    error: DigestError | None = None
    """Why the feed broke off; the items before are stored."""

    @property
    def unchanged(self) -> int:
        """Papers that were stored already, with equal contents."""
        return self.seen - self.added - self.changed


def ingest(
    database: Database,
    items: Iterable[FeedItem | Rejected],
    now: datetime,
    progress: Callable[[IngestResult], None] = lambda _: None,
    result: IngestResult | None = None,
) -> IngestResult:
    """Store feed items, one transaction per thousand, and call `progress` after each transaction.

    A rejected item is skipped and reported. When the feed raises a DigestError, the items before it are stored.
    Idempotent. `result` is filled in place, so a caller that passes one has it even when an error is raised.
    """
    result = IngestResult() if result is None else result
    try:
        _ingest(database, items, now, progress, result)
    finally:
        for outcome in ("added", "changed", "unchanged"):
            INGESTED_PAPERS.labels(outcome).inc(getattr(result, outcome))
        INGESTED_PAPERS.labels("rejected").inc(len(result.rejected))
    return result


def _ingest(
    database: Database,
    items: Iterable[FeedItem | Rejected],
    now: datetime,
    progress: Callable[[IngestResult], None],
    result: IngestResult,
) -> None:
    good_items = _usable(items, now.date(), result)
    while result.error is None and (chunk := _next_chunk(good_items, result)):
        with database.begin() as connection:
            paper_store.lock_ingestion(connection)
            _store_chunk(connection, chunk, now, result)
        progress(result)
    if result.added:
        with database.begin() as connection:
            paper_store.lock_ingestion(connection)
            count_new_papers(connection, now)


def _usable(items: Iterable[FeedItem | Rejected], today: date, result: IngestResult) -> Iterator[FeedItem]:
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
            chunk.append(item)  # noqa: PERF402 - when the feed breaks off, the earlier items are stored
    except DigestError as error:
        result.error = error
    return chunk


@dataclass(slots=True)
class _Match:
    """One paper of a chunk before (None: not stored) and after the update."""

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
    """Match each feed item with its stored paper: by id, or by title where one of them has no arXiv id."""
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
    """Return the row of a new paper; an unknown announcement date is estimated."""
    announced_on = paper.announced_on or _estimated_date(paper.id, now)
    return StoredPaper(
        row_id=0,
        paper=replace(paper, announced_on=announced_on),
        title_id=title_id(paper.title),
        announced_guessed=paper.announced_on is None,
        first_seen_at=now,
    )


def _estimated_date(paper_id: str, now: datetime) -> date:
    """Return today, or for an id of an earlier month the last day of that month."""
    year, month = id_month(paper_id) or (now.year, now.month)
    if (year, month) >= (now.year, now.month):
        return now.date()
    return date(year, month, monthrange(year, month)[1])


def merge(stored: StoredPaper, paper: Paper) -> StoredPaper:
    """Return the stored paper updated with a further feed item.

    An item with categories is arXiv's own record: its text, authors and withdrawal replace the stored ones. An
    item without them (from a page that lists papers) only fills empty fields, so that two feeds with different
    texts do not overwrite each other on every fetch. A known date stays, because a later version is not a new
    paper; but arXiv's date replaces the day on which a page listed the paper.
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
        summary=paper.summary or (old.summary if text_from.abstract == old.abstract or not is_record else ""),
    )
    if (merged.title, merged.abstract) == (old.title, old.abstract):
        # Different line breaks in the raw text are not a change.
        merged = replace(merged, raw_title=old.raw_title, raw_abstract=old.raw_abstract)
    return replace(
        stored,
        paper=merged,
        title_id=title_id(merged.title),
        announced_guessed=stored.announced_guessed and not told,
    )


def _store_snapshots(connection: Connection, snapshots: dict[int, list[Popularity]]) -> int:
    """Store popularity snapshots, except those that repeat the values of the same day."""
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
    """Count the terms of all papers again if an older term space counted them; return whether it did.

    Profiles of the older version are rebuilt before they are used. An interrupted recount starts again.
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
    """Store a new version of the document frequencies when a tenth of the papers is not in the last one."""
    counted, after = term_store.counted_papers(connection)
    if paper_store.count_papers(connection) - counted <= UNCOUNTED_SHARE * counted:
        return
    last = term_store.newest_version(connection) or 0
    _count_all(connection, term_store.read_statistics(connection, last), last + 1, after, now)


def _count_all(
    connection: Connection, statistics: Statistics, version: int, after: int, now: datetime
) -> None:
    """Add every paper with an id above `after` to the document frequencies, and store a new version."""
    through = paper_store.newest_row_id(connection)
    while after < through:
        blobs = paper_store.terms_between(connection, after, after + CHUNK)
        statistics = statistics.adding(unpack_counts(list(blobs.values())), version)
        after += CHUNK
    term_store.save_statistics(connection, statistics, through, now)
