"""The daily run in one process: fetch feeds, update profiles, plan, deliver."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from digest.delivery.deliver import DeliveryContext, Summary, deliver_ready
from digest.delivery.plan import due_edition_at, due_edition_on, plan_due, plan_edition
from digest.delivery.select_papers import Composer, Request, Selection
from digest.domain.retention import Retention
from digest.domain.subscriber import Subscriber
from digest.jobs.cleanup import delete_old
from digest.papers.fetch import DAYS_BACK, Fetched, fetch
from digest.papers.sources.common import Source
from digest.papers.summarize import Summarized, Summarizer, summarize_new
from digest.store import editions as edition_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.subscribers.consent import purge_unconfirmed
from digest.subscribers.mail_requests import delete_confirmation_counts, process_requests
from digest.subscribers.pending_feedback import FetchedById, PapersById, apply_arrived, fetch_pending
from digest.subscribers.profiles import ProfileBuilder, rebuild_outdated

_PAGE = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """The parameters of one run."""

    sources: Sequence[Source] = ()
    papers_by_id: PapersById | None = None
    """Fetches rated papers that are not stored; None: they are not fetched."""
    edition_on: date | None = None
    """Plan this edition for all subscribers who have one that day, at any hour; None: for subscribers who are due."""
    only: int | None = None
    """Restrict the run to the subscriber with this id."""
    summarizer: Summarizer | None = None
    """Writes the sentences of new papers; None: those of the feeds and of the abstracts are shown."""
    summary_budget: int = 0
    """Calls of the summarizer in a day at most."""
    retention: Retention | None = None
    """Reduce and delete what is older, once the mails are sent; None: nothing."""


@dataclass(slots=True)
class Report:
    """The result of a run."""

    fetched: list[Fetched] = field(default_factory=list)
    by_id: FetchedById = field(default_factory=FetchedById)
    summarized: Summarized = field(default_factory=Summarized)
    rebuilt: int = 0
    planned: int = 0
    deliveries: Summary = field(default_factory=Summary)

    @property
    def exit_code(self) -> int:
        """0: success; 1: a feed or some mails failed; 2: nothing could be sent."""
        summary = self.deliveries
        if summary.stopped and not summary.sent:
            return 2
        refused = summary.failed.total() + summary.refusals
        has_failed_feed = any(one.status == "failed" for one in self.fetched)
        return 1 if refused or summary.stopped or has_failed_feed or self.by_id.error else 0


def run(
    delivery_context: DeliveryContext, builder: ProfileBuilder, job: Job, clock: Callable[[], datetime]
) -> Report:
    """Fetch, delete unconfirmed subscribers, process mail requests, update profiles, plan, deliver, delete what is old.

    Idempotent: a second run sends nothing twice.
    """
    report = Report()
    for source in job.sources:
        report.fetched.append(fetch(delivery_context.database, source, clock().date() - DAYS_BACK, clock))
    if job.summarizer is not None:
        report.summarized = summarize_new(
            delivery_context.database,
            job.summarizer,
            job.summary_budget,
            clock,
            delivery_context.is_stopping,
        )
    if delivery_context.composer.second_opinion is not None:
        delivery_context.composer.second_opinion.store_vectors(delivery_context.database, clock().date())
    if job.papers_by_id is not None:
        report.by_id = fetch_pending(delivery_context.database, job.papers_by_id, builder, clock())
    else:
        apply_arrived(delivery_context.database, builder, clock())
    purge_unconfirmed(delivery_context.database, clock())
    delete_confirmation_counts(delivery_context.database, clock())
    process_requests(
        delivery_context.database, builder, delivery_context.secret, clock(), delivery_context.is_stopping
    )
    report.rebuilt = rebuild_outdated(delivery_context.database, builder, clock())
    now = clock()
    if job.edition_on is None:
        report.planned = plan_due(delivery_context.database, now, job.only)
    else:
        report.planned = plan_edition(delivery_context.database, job.edition_on, now, job.only)
    report.deliveries = deliver_ready(delivery_context, clock, job.only)
    _log_result(report)
    if job.retention is not None:
        delete_old(delivery_context.database, job.retention, clock(), delivery_context.is_stopping)
    return report


def _log_result(report: Report) -> None:
    summary = report.deliveries
    _log.info(
        "%s planned, %s sent, %s skipped, %s waiting, %s failed",
        report.planned,
        summary.sent,
        summary.skipped.total(),
        summary.to_retry.total(),
        summary.failed.total(),
    )


def dry_run(database: Database, composer: Composer, job: Job, now: datetime) -> list[Selection]:
    """Return the selections of the digests that a run at `now` would plan; fetch and write nothing."""
    selections: list[Selection] = []
    after = 0
    while True:
        with database.read() as connection:
            due_by = now if job.edition_on is None else None
            page = subscriber_store.page_due(connection, after, _PAGE, due_by, job.only)
            subscribers = subscriber_store.find_by_ids(connection, page)
            requests = [
                request
                for subscriber in subscribers.values()
                if (request := _request(subscriber, job.edition_on, now))
            ]
            planned = edition_store.planned_editions(connection, list(subscribers))
            unplanned = [one for one in requests if (one.subscriber.id, one.edition_on) not in planned]
            selections += composer.select(connection, unplanned, now)
        if len(page) < _PAGE:
            return selections
        after = page[-1]


def _request(subscriber: Subscriber, edition_on: date | None, now: datetime) -> Request | None:
    if edition_on is None:
        due_edition = due_edition_at(now, subscriber.schedule, is_first=subscriber.next_due_at is None)
    else:
        due_edition = due_edition_on(edition_on, now, subscriber.schedule)
    return Request(subscriber, due_edition.edition_on) if due_edition else None
