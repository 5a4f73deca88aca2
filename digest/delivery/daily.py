"""The whole daily job in one process: feeds, profiles, plan, delivery."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from digest.delivery.compose import Composer, Request, Selection
from digest.delivery.deliver import PostOffice, Summary, deliver_ready
from digest.delivery.plan import plan_due, plan_edition, slot_at, slot_on
from digest.papers.fetch import DAYS_BACK, Fetched, fetch
from digest.papers.sources.common import Source
from digest.readers.consent import purge_unconfirmed
from digest.readers.mail_requests import forget_confirmations, take_requests
from digest.readers.pending_feedback import FetchedById, PapersById, fetch_pending, learn_arrived
from digest.readers.profiles import ProfileBuilder, rebuild_outdated
from digest.readers.subscriber import Subscriber
from digest.store import deliveries as ledger
from digest.store import readers as reader_store
from digest.store.database import Database

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is asked to do."""

    sources: Sequence[Source] = ()
    papers_by_id: PapersById | None = None
    """Where marked papers that are not stored are fetched; None: nowhere."""
    edition_on: date | None = None
    """Plan this edition for everyone who gets one that day, whatever the hour; None: whoever is due."""
    only: int | None = None
    """Keep to one reader, by row number."""


@dataclass(slots=True)
class Report:
    """How a run went."""

    fetched: list[Fetched] = field(default_factory=list)
    by_id: FetchedById = field(default_factory=FetchedById)
    rebuilt: int = 0
    planned: int = 0
    deliveries: Summary = field(default_factory=Summary)

    @property
    def exit_code(self) -> int:
        """0 all went well, 1 a feed or some mails did not, 2 nothing could be done."""
        summary = self.deliveries
        if summary.stopped and not summary.sent:
            return 2
        refused = summary.failed.total() + summary.refusals
        silent = any(one.status == "failed" for one in self.fetched)
        return 1 if refused or summary.stopped or silent or self.by_id.error else 0


def run(office: PostOffice, builder: ProfileBuilder, job: Job, clock: Callable[[], datetime]) -> Report:
    """Fetch, forget who never confirmed, answer requests, bring profiles up to date, plan and deliver.

    Running it again sends nothing twice.
    """
    report = Report()
    for source in job.sources:
        report.fetched.append(fetch(office.database, source, clock().date() - DAYS_BACK, clock))
    if job.papers_by_id is not None:
        report.by_id = fetch_pending(office.database, job.papers_by_id, builder, clock())
    else:
        learn_arrived(office.database, builder, clock())
    purge_unconfirmed(office.database, clock())
    forget_confirmations(office.database, clock())
    take_requests(office.database, builder, office.secret, clock(), office.is_stopping)
    report.rebuilt = rebuild_outdated(office.database, builder, clock())
    now = clock()
    if job.edition_on is None:
        report.planned = plan_due(office.database, now, job.only)
    else:
        report.planned = plan_edition(office.database, job.edition_on, now, job.only)
    report.deliveries = deliver_ready(office, clock, job.only)
    return report


def rehearse(database: Database, composer: Composer, job: Job, now: datetime) -> list[Selection]:
    """Return what a run at `now` would choose for everyone it would plan; nothing is fetched or written."""
    selections: list[Selection] = []
    after = 0
    while True:
        with database.read() as connection:
            due_by = now if job.edition_on is None else None
            page = reader_store.page_due(connection, after, _PAGE, due_by, job.only)
            readers = reader_store.find_by_numbers(connection, [row.id for row in page])
            requests = [
                request for reader in readers.values() if (request := _request(reader, job.edition_on, now))
            ]
            planned = ledger.planned_editions(connection, list(readers))
            fresh = [one for one in requests if (one.subscriber.id, one.edition_on) not in planned]
            selections += composer.select(connection, fresh, now)
        if len(page) < _PAGE:
            return selections
        after = page[-1].id


def _request(reader: Subscriber, edition_on: date | None, now: datetime) -> Request | None:
    if edition_on is None:
        slot = slot_at(now, reader.rhythm, is_first=reader.next_due_at is None)
    else:
        slot = slot_on(edition_on, now, reader.rhythm)
    return Request(reader, slot.edition_on) if slot else None
