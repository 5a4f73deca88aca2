"""Storing papers: each paper of feeds and files becomes one row, with its term counts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice

from digest.domain.paper import FeedItem, Popularity
from digest.errors import DigestError
from digest.metrics import INGESTED_PAPERS
from digest.papers.sources.common import Rejected
from digest.papers.works import match_works
from digest.ranking.terms import Statistics, count_terms, pack_counts, unpack_counts
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.author_orcids import save_orcids
from digest.store.database import Connection, Database
from digest.store.same_works import join_rows, save_ids

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


def _store_chunk(connection: Connection, chunk: list[FeedItem], now: datetime, result: IngestResult) -> None:
    works = match_works(connection, chunk, now)
    added = [work.after for work in works if work.before is None]
    changed = [work.after for work in works if work.is_changed]
    row_ids = {work.after.paper.id: work.after.row_id for work in works}
    row_ids |= paper_store.insert_papers(connection, added, now)
    paper_store.update_papers(connection, changed, now)

    rewritten = [one.paper for one in (*added, *changed)]
    blobs = pack_counts(count_terms([(paper.title, paper.abstract) for paper in rewritten]))
    paper_store.save_terms(
        connection, {row_ids[paper.id]: blob for paper, blob in zip(rewritten, blobs, strict=True)}
    )
    join_rows(connection, [(row_id, work.after.row_id) for work in works for row_id in work.absorbed_row_ids])
    save_ids(
        connection, {one: row_ids[work.after.paper.id] for work in works for one in work.alternative_ids}
    )
    save_orcids(
        connection, {row_ids[work.after.paper.id]: work.author_orcids for work in works if work.author_orcids}
    )

    snapshots = {row_ids[work.after.paper.id]: work.snapshots for work in works if work.snapshots}
    result.seen += len(works)
    result.added += len(added)
    result.changed += len(changed)
    result.snapshots += _store_snapshots(connection, snapshots)
    dates = [work.after.announced_on for work in works]
    result.newest_on = max(filter(None, [result.newest_on, *dates]), default=None)


def _store_snapshots(connection: Connection, snapshots: dict[int, list[Popularity]]) -> int:
    """Store popularity snapshots, except those that repeat the values of the same day."""
    latest = paper_store.latest_popularity(connection, snapshots.keys())
    fresh: list[tuple[int, Popularity]] = []
    for row_id, seen in snapshots.items():
        last = latest.get(row_id)
        for counted in sorted(seen, key=lambda one: one.observed_at):
            snapshot = counted if last is None else _completed(counted, last)
            if last is None or not _repeats(last, snapshot):
                fresh.append((row_id, snapshot))
            last = snapshot if last is None else max(last, snapshot, key=lambda one: one.observed_at)
    return paper_store.save_popularity(connection, fresh)


def _completed(counted: Popularity, last: Popularity) -> Popularity:
    """Return a snapshot with the last counts of what its source does not count: citations, or all others."""
    if counted.citations is None:
        return replace(counted, citations=last.citations)
    return replace(last, observed_at=counted.observed_at, citations=counted.citations)


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
