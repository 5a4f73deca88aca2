"""The jobs that keep an installation going, each over the parts of one process.

Celery tasks and `digest up` call the same ones. Every job may be done twice, by two processes at once, or
be cut off anywhere: what is left undone is done the next time.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.delivery.circuit import admission_of
from digest.delivery.claimed import Stream
from digest.delivery.deliver import Summary, deliver_batch
from digest.delivery.office import SUSPECTED
from digest.delivery.plan import plan_due
from digest.delivery.timetable import JobName
from digest.papers.fetch import DAYS_BACK, fetch
from digest.readers.consent import purge_unconfirmed
from digest.readers.mail_requests import forget_confirmations, take_requests
from digest.readers.pending_feedback import fetch_pending, learn_arrived
from digest.readers.profiles import rebuild_outdated
from digest.store import deliveries as ledger
from digest.store import fetches as fetch_store
from digest.store import refusals as refusal_store
from digest.store.database import Connection
from digest.wiring import Parts

VOTED = ("huggingface",)
"""The feeds that tell how many people like a paper."""
VOTES_BACK = timedelta(days=3)
"""Votes are counted again for papers of so many days."""
REBUILDING = timedelta(minutes=5)
"""So long one turn at rebuilding profiles may take; the next goes on with the rest."""
FETCHES_KEPT = timedelta(days=90)
EVIDENCE_KEPT = timedelta(days=30)
"""So long it is kept what a mail server answered."""
MOST_BATCHES = 256
"""More batches than this are not asked for at once: each that is done asks for the next."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many batches of each stream are ready to be delivered."""

    transactional: int
    digests: int


def read_feeds(parts: Parts) -> None:
    """Read every feed of the settings."""
    _read(parts, parts.settings.sources, DAYS_BACK)


def fetch_marked(parts: Parts) -> None:
    """Fetch the papers that subscribers marked and that are not stored, and learn from those that arrived."""
    by_id = parts.papers_by_id()
    if by_id is None:
        learn_arrived(parts.database, parts.profiles, parts.clock())
        return
    fetched = fetch_pending(parts.database, by_id, parts.profiles, parts.clock())
    if fetched.asked:
        _log.info("%s marked papers asked for by id, %s new", fetched.asked, fetched.added)
    if fetched.error:
        _log.warning("marked papers: %s", fetched.error)


def refresh_popularity(parts: Parts) -> None:
    """Count the votes of recent papers again."""
    _read(parts, [name for name in parts.settings.sources if name in VOTED], VOTES_BACK)


def _read(parts: Parts, names: Collection[str], back: timedelta) -> None:
    for name in names:
        since = parts.clock().date() - back
        fetched = fetch(parts.database, parts.source(name), since, parts.clock, parts.is_stopping)
        _log.info(
            "%s: %s papers, %s new (%s)", name, fetched.intake.seen, fetched.intake.added, fetched.status
        )
        if fetched.error:
            _log.warning("%s: %s", name, fetched.error)


def plan(parts: Parts) -> None:
    """Plan a digest for everyone who is due."""
    planned = plan_due(parts.database, parts.clock())
    if planned:
        _log.info("%s digests planned", planned)


def answer_requests(parts: Parts) -> int:
    """Plan the mails that were asked for on the web side; return how many."""
    planned = take_requests(parts.database, parts.profiles, parts.secret, parts.clock(), parts.is_stopping)
    if planned:
        _log.info("%s mails planned that were asked for", planned)
    return planned


def deliver(parts: Parts, stream: Stream) -> bool:
    """Deliver one batch; tell whether there may be more to do right now."""
    summary, started_at = Summary(), parts.clock()
    had_work = deliver_batch(parts.post_office, parts.clock, summary, stream, patient=True)
    if summary.sent:
        # Not later than any record of this batch, whatever is lost afterwards.
        parts.sent_mark.note(started_at)
    if had_work:
        _log.info(
            "%s: %s sent, %s skipped, %s waiting, %s failed",
            stream,
            summary.sent,
            summary.skipped.total(),
            summary.put_off.total(),
            summary.failed.total(),
        )
    suspected = summary.put_off[SUSPECTED] + summary.failed[SUSPECTED]
    if suspected:
        _log.warning("%s: %s addresses refused and not suppressed; see: digest status", stream, suspected)
    if summary.stopped:
        _log.warning("%s: %s", stream, summary.stopped)
    return had_work and not summary.stopped and not parts.is_stopping()


def backlog(parts: Parts) -> Backlog:
    """Count the batches that are ready: due ones, and those whose worker or server let them down.

    None for a mail server that is left alone, and one of each stream when it is to be tried again.
    """
    now = parts.clock()
    with parts.database.read() as connection:
        return Backlog(
            _ready_batches(connection, parts, now, "transactional"),
            _ready_batches(connection, parts, now, "digest"),
        )


def _ready_batches(connection: Connection, parts: Parts, now: datetime, stream: Stream) -> int:
    admission = admission_of(connection, parts.account, stream, now)
    if admission.is_open:
        return 0
    size = parts.settings.batch_size
    most = 1 if admission.is_trial or stream == "transactional" else MOST_BATCHES
    return -(-ledger.count_ready(connection, now, size * most, stream) // size)


def rebuild(parts: Parts) -> None:
    """Bring profiles to the newest term weights, for a while."""
    until = parts.clock() + REBUILDING
    done = rebuild_outdated(
        parts.database,
        parts.profiles,
        parts.clock(),
        lambda: parts.is_stopping() or parts.clock() > until,
    )
    if done:
        _log.info("%s profiles brought up to date", done)


def rebuild_one(parts: Parts, subscriber_id: int) -> None:
    """Build one reader's profile anew."""
    with parts.database.begin() as connection:
        parts.profiles.rebuild(connection, [subscriber_id], parts.clock())


def keep_house(parts: Parts) -> None:
    """Forget whoever never confirmed, and how feeds were read long ago."""
    now = parts.clock()
    forgotten = purge_unconfirmed(parts.database, now)
    forget_confirmations(parts.database, now)
    with parts.database.begin() as connection:
        dropped = fetch_store.drop_fetches(connection, now - FETCHES_KEPT)
        refusal_store.delete_evidence(connection, (now - EVIDENCE_KEPT).date())
    _log.info("%s unconfirmed readers forgotten, %s old readings of feeds dropped", forgotten, dropped)


JOBS: Mapping[JobName, Callable[[Parts], object]] = {
    "plan": plan,
    "requests": answer_requests,
    "fetch": read_feeds,
    "marked": fetch_marked,
    "popularity": refresh_popularity,
    "rebuild": rebuild,
    "housekeeping": keep_house,
}
"""The jobs of the timetable by name; `sweep` is each runner's own way of having batches delivered."""
