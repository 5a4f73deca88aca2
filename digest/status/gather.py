"""Reads the state of an installation in one read-only transaction."""

from datetime import datetime, timedelta

from digest.doctor.beat import beat_silence
from digest.doctor.rollback import last_known
from digest.doctor.space import read_space
from digest.papers.sources.configured import holidays_of
from digest.status.facts import Calendar, Facts, FeedFacts, Ledger, MailServer
from digest.store import (
    circuit_breakers,
    delivery_reports,
    fetches,
    health,
    inbound,
    overview,
    paces,
    papers,
    refusals,
    subscribers,
)
from digest.store.database import Connection
from digest.wiring import Container

EDITIONS_SHOWN = 30
"""Days of the charts."""
_DAY = timedelta(days=1)
_LEDGER_SHOWN = 7 * _DAY
_FEED_MEMORY = 21 * _DAY
_RATE_OVER = timedelta(minutes=5)
# `digest run` in cron plans every hour; a digest that is due for two hours was missed by one run at least.
_PLANNED_WITHIN = timedelta(hours=2)


def gather(container: Container) -> Facts:
    """Read the state of the installation. Raises StopRun if the database cannot be read."""
    now, database, settings = container.clock(), container.database, container.settings
    sent_until = container.sent_mark.read()
    with health.reading(database) as connection:
        return Facts(
            at=now,
            papers=papers.count_papers(connection),
            newest_on=papers.newest_announcement(connection, now.date()),
            feeds=_feeds(connection, settings.sources, now),
            calendar=Calendar(holidays_of(settings), settings.late_feed_wait),
            subscribers=subscribers.count_by_status(connection),
            growth=overview.growth(connection, now - (EDITIONS_SHOWN - 1) * _DAY),
            next_due_at=subscribers.first_due(connection),
            profiles_waiting=overview.count_outdated_profiles(connection),
            ledger=_ledger(connection, settings.stale_after, now, sent_until),
            # The day has begun already in the east.
            editions=overview.edition_figures(connection, now.date() + _DAY, EDITIONS_SHOWN + 1),
            server=_server(container, connection, now),
            space=read_space(connection, database),
            beat=beat_silence(container.redis_url, now),
        )


def _feeds(connection: Connection, sources: tuple[str, ...], now: datetime) -> list[FeedFacts]:
    """Return the feeds of the settings, then others that were read lately."""
    last_good = health.last_good_fetches(connection, now)
    newest = overview.newest_known(connection, now - _FEED_MEMORY)
    read = {
        row.source: FeedFacts(
            row.source,
            row.status,
            row.finished_at,
            row.seen,
            row.added,
            row.newest_on,
            row.error,
            last_good.get(row.source),
            newest.get(row.source),
        )
        for row in fetches.newest_fetches(connection, now)
    }
    names = [*sources, *(name for name in read if name not in sources)]
    return [read.get(name, FeedFacts(name)) for name in names]


def _ledger(
    connection: Connection, stale_after: timedelta, now: datetime, sent_until: datetime | None
) -> Ledger:
    unplanned, since = health.unplanned_subscribers(connection, now - _PLANNED_WITHIN)
    minutes = _RATE_OVER / timedelta(minutes=1)
    return Ledger(
        queue=health.queue(connection, now),
        unplanned=unplanned,
        unplanned_since=since,
        strayed=health.strayed_subscribers(connection, now),
        settled=health.settled_since(connection, now - _DAY),
        per_minute=overview.count_sent_since(connection, now - _RATE_OVER) / minutes,
        counts=delivery_reports.count_deliveries(connection, now.date() - _LEDGER_SHOWN),
        stale_after=stale_after,
        sent_until=sent_until,
        recorded_until=last_known(connection),
    )


def _server(container: Container, connection: Connection, now: datetime) -> MailServer:
    return MailServer(
        circuits=circuit_breakers.open_circuits(connection),
        doubtful_editions=refusals.doubtful_editions(connection, now.date() - 2 * _DAY),
        limits=container.settings.mail_limits,
        pace=paces.find_pace(connection, container.account),
        answers=overview.answers_since(connection, now - _LEDGER_SHOWN),
        inbound=inbound.count_reports(connection, now - _DAY),
    )
