"""The jobs that keep an installation going, each over the parts of one process.

Celery tasks and `digest up` call the same ones. Every job may be done twice, by two processes at once, or
be cut off anywhere: what is left undone is done the next time.
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
from digest.domain.delivery import Stream
from digest.jobs import inbound
from digest.jobs.cleanup import clean_up
from digest.jobs.timetable import JobName
from digest.papers.fetch import DAYS_BACK, fetch
from digest.store import deliveries as ledger
from digest.subscribers.mail_requests import take_requests
from digest.subscribers.pending_feedback import fetch_pending, learn_arrived
from digest.subscribers.profiles import rebuild_outdated
from digest.wiring import Container

VOTED = ("huggingface",)
"""The feeds that tell how many people like a paper."""

VOTES_BACK = timedelta(days=3)
"""Votes are counted again for papers of so many days."""

REBUILDING = timedelta(minutes=5)
"""So long one turn at rebuilding profiles may take; the next goes on with the rest."""

DELIVERING = timedelta(minutes=1)
"""So long one turn at delivering takes; the next goes on with the rest."""

MOST_BATCHES = 256
"""More batches than this are not asked for at once: each that is done asks for the next."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many batches of each stream are ready to be delivered."""

    transactional: int
    digests: int


def read_feeds(container: Container) -> None:
    """Read every feed of the settings."""
    _read(container, container.settings.sources, DAYS_BACK)


def fetch_marked(container: Container) -> None:
    """Fetch the papers that subscribers marked and that are not stored, and learn from those that arrived."""
    by_id = container.papers_by_id()
    if by_id is None:
        learn_arrived(container.database, container.profiles, container.clock())
        return
    fetched = fetch_pending(container.database, by_id, container.profiles, container.clock())
    if fetched.asked:
        _log.info("%s marked papers asked for by id, %s new", fetched.asked, fetched.added)
    if fetched.error:
        _log.warning("marked papers: %s", fetched.error)


def refresh_popularity(container: Container) -> None:
    """Count the votes of recent papers again."""
    _read(container, [name for name in container.settings.sources if name in VOTED], VOTES_BACK)


def _read(container: Container, names: Collection[str], back: timedelta) -> None:
    for name in names:
        since = container.clock().date() - back
        fetched = fetch(
            container.database, container.source(name), since, container.clock, container.is_stopping
        )
        _log.info(
            "%s: %s papers, %s new (%s)", name, fetched.intake.seen, fetched.intake.added, fetched.status
        )
        if fetched.error:
            _log.warning("%s: %s", name, fetched.error)


def plan(container: Container) -> None:
    """Plan a digest for everyone who is due."""
    planned = plan_due(container.database, container.clock())
    if planned:
        _log.info("%s digests planned", planned)


def answer_requests(container: Container) -> int:
    """Plan the mails that were asked for on the web side; return how many."""
    planned = take_requests(
        container.database, container.profiles, container.secret, container.clock(), container.is_stopping
    )
    if planned:
        _log.info("%s mails planned that were asked for", planned)
    return planned


def deliver(container: Container, stream: Stream) -> bool:
    """Deliver for a while; tell whether there may be more to do right now."""
    summary, started_at = Summary(), container.clock()
    until = started_at + DELIVERING

    def goes_on() -> bool:
        if container.is_stopping() or container.clock() > until:
            return False
        # Somebody waits for these: they go between any two batches of digests.
        return stream == Stream.TRANSACTIONAL or not _ready_batches(container, Stream.TRANSACTIONAL)

    had_work = deliver_stream(
        container.delivery_context,
        container.clock,
        summary,
        stream,
        respects_open_circuit=True,
        goes_on=goes_on,
    )
    if summary.sent:
        # Not later than any record of this turn, whatever is lost afterwards.
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
    """Count the batches that are ready: due ones, and those whose worker or server let them down.

    None for a mail server that is left alone, and one of each stream when it is to be tried again.
    """
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
    """Bring profiles to the newest term weights, for a while."""
    until = container.clock() + REBUILDING
    done = rebuild_outdated(
        container.database,
        container.profiles,
        container.clock(),
        lambda: container.is_stopping() or container.clock() > until,
    )
    if done:
        _log.info("%s profiles brought up to date", done)


JOBS: Mapping[JobName, Callable[[Container], object]] = {
    "plan": plan,
    "requests": answer_requests,
    "fetch": read_feeds,
    "marked": fetch_marked,
    "popularity": refresh_popularity,
    "rebuild": rebuild,
    "inbound": inbound.poll,
    "housekeeping": clean_up,
}
"""The jobs of the timetable by name; `sweep` is each runner's own way of having batches delivered."""
