"""The recurring jobs; each takes the container of a process. Celery tasks and `digest up` call the same functions.

Every job may run twice, run in two processes at the same time, or be interrupted at any point: the next run does
the rest.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from digest.delivery.circuit_breaker import admission_of
from digest.delivery.context import SUSPECTED
from digest.delivery.deliver import Summary
from digest.delivery.deliver import deliver as deliver_stream
from digest.delivery.plan import plan_due
from digest.doctor.rollback import require_current
from digest.domain.delivery import Stream
from digest.jobs import inbound
from digest.jobs.cleanup import clean_up
from digest.jobs.timetable import JobName
from digest.papers.fetch import DAYS_BACK, fetch
from digest.papers.summarize import summarize_new
from digest.status.watch import watch_and_beat
from digest.store import deliveries as ledger
from digest.subscribers.mail_requests import process_requests
from digest.subscribers.pending_feedback import apply_arrived, fetch_pending
from digest.subscribers.profiles import rebuild_outdated
from digest.wiring import Container

VOTED = ("huggingface",)
"""The feeds that report votes."""

VOTES_BACK = timedelta(days=3)
"""The votes of papers from this period are read again."""

REBUILDING = timedelta(minutes=5)
"""Time limit of one `rebuild` job; the next one continues."""

DELIVERING = timedelta(minutes=1)
"""Time limit of one delivery job; the next one continues."""

MOST_BATCHES = 256
"""Maximum number of delivery tasks in a queue; each task starts the next when it is done."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Number of batches of each stream that are ready to be claimed."""

    transactional: int
    digests: int


def read_feeds(container: Container) -> None:
    """Fetch every feed of the settings, and ask for summaries of the new papers."""
    _read(container, container.settings.sources, DAYS_BACK)
    summarize(container)


def summarize(container: Container) -> None:
    """Ask the summary service for the sentences of new papers. Nothing is asked where DIGEST_SUMMARY_URL is empty."""
    with container.summary_service() as service:
        if service is None:
            return
        done = summarize_new(
            container.database,
            service,
            container.settings.summary_budget,
            container.clock,
            container.is_stopping,
        )
    if done.asked:
        _log.info("%s of %s summaries written", done.stored, done.asked)
    if done.error:
        _log.warning("summaries: %s", done.error)


def fetch_marked(container: Container) -> None:
    """Fetch rated papers that are not stored, and apply the pending feedback on those that arrived."""
    by_id = container.papers_by_id()
    if by_id is None:
        apply_arrived(container.database, container.profiles, container.clock())
        return
    fetched = fetch_pending(container.database, by_id, container.profiles, container.clock())
    if fetched.asked:
        _log.info("%s rated papers requested by id, %s new", fetched.asked, fetched.added)
    if fetched.error:
        _log.warning("rated papers: %s", fetched.error)


def refresh_popularity(container: Container) -> None:
    """Read the votes of recent papers again."""
    _read(container, [name for name in container.settings.sources if name in VOTED], VOTES_BACK)


def _read(container: Container, names: Collection[str], back: timedelta) -> None:
    for name in names:
        since = container.clock().date() - back
        fetched = fetch(
            container.database, container.source(name), since, container.clock, container.is_stopping
        )
        if fetched.error:
            _log.warning("%s: %s", name, fetched.error)
    if container.second_opinion is not None:
        stored = container.second_opinion.store_vectors(container.database, container.clock().date())
        if stored:
            _log.info("%s vectors of new papers", stored)


def require_current_database(container: Container) -> None:
    """Raise StopRun if the database was rolled back: its mails would be sent again. Too slow for every batch."""
    require_current(container.database, container.sent_mark.read())


def plan(container: Container) -> None:
    """Plan a digest for every subscriber who is due. Raises StopRun if the database was rolled back."""
    require_current_database(container)
    planned = plan_due(container.database, container.clock())
    if planned:
        _log.info("%s digests planned", planned)


def answer_requests(container: Container) -> int:
    """Plan the mails that were requested on the web pages; return how many."""
    planned = process_requests(
        container.database, container.profiles, container.secret, container.clock(), container.is_stopping
    )
    if planned:
        _log.info("%s requested mails planned", planned)
    return planned


def post(container: Container) -> None:
    """Deliver posts to chat channels. Apart from mails, which need not wait for a chat service that does not answer."""
    require_current_database(container)
    while deliver(container, Stream.CHAT):
        pass


def deliver(container: Container, stream: Stream) -> bool:
    """Deliver batches of a stream, the last one begun within DELIVERING; return whether more may be ready."""
    summary, started_at = Summary(), container.clock()
    until = started_at + DELIVERING

    def goes_on() -> bool:
        if container.is_stopping() or container.clock() > until:
            return False
        # Subscribers wait for transactional mails, so these are sent between any two batches of digests.
        return stream != Stream.DIGEST or not _ready_batches(container, Stream.TRANSACTIONAL)

    had_work = deliver_stream(
        container.delivery_context,
        container.clock,
        summary,
        stream,
        respects_open_circuit=True,
        goes_on=goes_on,
    )
    if summary.sent:
        # The start time is not later than any record of this job, so the mark never exceeds the ledger.
        container.sent_mark.note(started_at)
    if had_work:
        _log.info(
            "%s: %s sent, %s skipped, %s waiting, %s failed",
            stream,
            summary.sent,
            summary.skipped.total(),
            summary.to_retry.total(),
            summary.failed.total(),
        )
    suspected = summary.to_retry[SUSPECTED] + summary.failed[SUSPECTED]
    if suspected:
        _log.warning("%s: %s addresses refused and not suppressed; see: digest status", stream, suspected)
    if summary.stopped:
        _log.warning("%s: %s", stream, summary.stopped)
    return had_work and not summary.stopped and not container.is_stopping()


def backlog(container: Container) -> Backlog:
    """Count the batches that are ready: due, to be retried, or claimed by a worker whose lease has ended.

    0 while the circuit breaker is open, at most 1 when it is half-open. Raises StopRun if the database was rolled back.
    """
    require_current_database(container)
    return Backlog(_ready_batches(container, Stream.TRANSACTIONAL), _ready_batches(container, Stream.DIGEST))


def _ready_batches(container: Container, stream: Stream) -> int:
    now, size = container.clock(), container.settings.batch_size
    with container.database.read() as connection:
        admission = admission_of(connection, container.account, stream, now)
        if admission.is_open:
            return 0
        most = 1 if admission.is_half_open or stream == "transactional" else MOST_BATCHES
        return -(-ledger.count_ready(connection, now, size * most, stream) // size)


def rebuild(container: Container) -> None:
    """Rebuild profiles with the newest term weights, for at most REBUILDING."""
    until = container.clock() + REBUILDING
    done = rebuild_outdated(
        container.database,
        container.profiles,
        container.clock(),
        lambda: container.is_stopping() or container.clock() > until,
    )
    if done:
        _log.info("%s profiles rebuilt", done)


JOBS: Mapping[JobName, Callable[[Container], object]] = {
    "plan": plan,
    "requests": answer_requests,
    "post": post,
    "fetch": read_feeds,
    "marked": fetch_marked,
    "popularity": refresh_popularity,
    "rebuild": rebuild,
    "inbound": inbound.poll,
    "alarms": watch_and_beat,
    "housekeeping": clean_up,
}
"""The jobs of the timetable by name, without `sweep`: `digest up` and the workers start deliveries differently."""
