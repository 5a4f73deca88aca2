"""Queries for the overview of an installation: figures of editions, growth, rates, and the size of the database."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    case,
    cast,
    delete,
    func,
    literal,
    select,
    text,
    union_all,
)

from digest.domain.delivery import PLANNED_KINDS, DeliveryStatus, Kind, Stream
from digest.store.mail_server_models import inbound_reports, server_answers
from digest.store.models import (
    deliveries,
    feedback,
    fetches,
    picks,
    profiles,
    subscribers,
    suppression_log,
    term_statistics,
)
from digest.store.retention_models import edition_totals

_DAY = timedelta(days=1)
EDITION_KINDS = (*PLANNED_KINDS, Kind.CATCH_UP)
"""The kinds of an edition."""
# Deliveries of older editions are cancelled; this lets a query read the newest rows only.
_RECENT_EDITIONS = 4 * _DAY
# Few papers are rated later than a week after their mail.
_TOTALS_AFTER = 7 * _DAY
_TOTALS_OF = 40 * _DAY


@dataclass(frozen=True, slots=True)
class EditionFigures:
    """The digests of one edition."""

    edition_on: date
    sent: int
    skipped: int
    failed: int
    open: int
    delay_seconds: float | None
    """The mean time from the due time of a digest until it was sent; None if none was sent."""
    taps: int = 0
    """Number of papers of its digests that subscribers rated."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The subscribers who came and left on a day (UTC)."""

    day: date
    joined: int
    left: int


@dataclass(frozen=True, slots=True)
class ServerAnswers:
    """What the mail server and the servers behind it said about the mails of a period."""

    accepted: int
    refused: int
    bounced: int
    complaints: int

    @property
    def mails(self) -> int:
        """Number of mails that were answered."""
        return self.accepted + self.refused

    @property
    def bounce_rate(self) -> float:
        """The share of mails that were refused or came back."""
        return (self.refused + self.bounced) / self.mails if self.mails else 0.0

    @property
    def complaint_rate(self) -> float:
        """The share of accepted mails that somebody marked as spam."""
        return self.complaints / self.accepted if self.accepted else 0.0


def edition_figures(connection: Connection, newest: date, days: int) -> list[EditionFigures]:
    """Return the figures of the editions of the last days up to `newest`, the oldest first.

    Those of old editions are read as `store_totals` stored them.
    """
    since = newest - (days - 1) * _DAY
    query = (
        select(*(edition_totals.c[name] for name in EditionFigures.__slots__))
        .where(edition_totals.c.edition_on.between(since, newest))
        .order_by(edition_totals.c.edition_on)
    )
    stored = [EditionFigures(*row) for row in connection.execute(query)]
    return stored + _counted_figures(connection, stored[-1].edition_on + _DAY if stored else since, newest)


def store_totals(connection: Connection, newest: date) -> int:
    """Store the figures of editions that are so old that only an operator changes them; return how many."""
    last = connection.execute(select(func.max(edition_totals.c.edition_on))).scalar_one()
    since = last + _DAY if last else newest - _TOTALS_OF
    found = _counted_figures(connection, since, newest - _TOTALS_AFTER)
    if found:
        connection.execute(edition_totals.insert(), [asdict(one) for one in found])
    return len(found)


def forget_totals(connection: Connection, since: date) -> None:
    """Let the figures of an edition and of later ones be counted again, as its deliveries have changed."""
    connection.execute(delete(edition_totals).where(edition_totals.c.edition_on >= since))


def _counted_figures(connection: Connection, since: date, newest: date) -> list[EditionFigures]:
    status = deliveries.c.status
    delay = _seconds(connection, deliveries.c.settled_at) - _seconds(connection, deliveries.c.due_at)
    query = (
        select(
            deliveries.c.edition_on,
            *(_count(status == one) for one in ("sent", "skipped", "failed")),
            _count(status.in_(("planned", "claimed"))),
            func.avg(case((status == DeliveryStatus.SENT, delay))),
        )
        .where(deliveries.c.kind.in_(EDITION_KINDS), deliveries.c.edition_on.between(since, newest))
        .group_by(deliveries.c.edition_on)
        .order_by(deliveries.c.edition_on)
    )
    rated = _taps(connection, since, newest)
    return [
        EditionFigures(
            edition_on,
            sent,
            skipped,
            failed,
            waiting,
            None if mean is None else max(0.0, float(mean)),
            rated.get(edition_on, 0),
        )
        for edition_on, sent, skipped, failed, waiting, mean in connection.execute(query)
    ]


def _taps(connection: Connection, since: date, newest: date) -> dict[date, int]:
    """Count the ratings of papers by the edition whose mail had them."""
    query = (
        select(deliveries.c.edition_on, func.count())
        .select_from(feedback)
        .join(
            picks,
            (picks.c.subscriber_id == feedback.c.subscriber_id)
            & (picks.c.paper_row_id == feedback.c.paper_row_id),
        )
        .join(deliveries, deliveries.c.id == picks.c.delivery_id)
        .where(
            deliveries.c.edition_on.between(since, newest),
            # A paper is rated after the mail with it: this bounds the ratings that are read.
            feedback.c.given_at >= _midnight(since) - 2 * _DAY,
        )
        .group_by(deliveries.c.edition_on)
    )
    return dict(connection.execute(query).all())


def growth(connection: Connection, since: datetime) -> list[Growth]:
    """Return how many subscribers were confirmed, and how many left, on each day that had one, the oldest first."""
    joined = select(_day(connection, subscribers.c.confirmed_at).label("day"), literal(1).label("joined"))
    left = select(_day(connection, suppression_log.c.happened_at), literal(0)).where(
        suppression_log.c.event.in_(("unsubscribed", "suppressed", "erased")),
        suppression_log.c.happened_at >= since,
    )
    events = union_all(joined.where(subscribers.c.confirmed_at >= since), left).subquery()
    query = (
        select(events.c.day, func.sum(events.c.joined), func.count())
        .group_by(events.c.day)
        .order_by(events.c.day)
    )
    return [
        Growth(date.fromisoformat(str(day)), int(came), int(every) - int(came))
        for day, came, every in connection.execute(query)
    ]


def count_sent_since(connection: Connection, since: datetime) -> int:
    """Count the mails sent since an instant, which is at most some hours ago."""
    query = select(func.count()).where(
        deliveries.c.edition_on >= since.date() - _RECENT_EDITIONS,
        deliveries.c.settled_at >= since,
        deliveries.c.status == "sent",
    )
    return connection.execute(query).scalar_one()


def answers_since(connection: Connection, since: datetime) -> ServerAnswers:
    """Return the answers to the mails of the editions since an instant, and the complaints since then."""
    query = select(
        *(func.coalesce(func.sum(server_answers.c[name]), 0) for name in ("accepted", "refused", "bounced"))
    ).where(server_answers.c.edition_on >= since.date(), server_answers.c.stream != Stream.CHAT)
    complaints = select(func.count()).where(
        inbound_reports.c.kind == "complaint",
        inbound_reports.c.received_at >= since,
        # A report of the type "not spam" is noted.
        inbound_reports.c.outcome.not_in(("noted", "unmatched", "repeated")),
    )
    row = connection.execute(query).one()
    return ServerAnswers(int(row[0]), int(row[1]), int(row[2]), connection.execute(complaints).scalar_one())


def count_outdated_profiles(connection: Connection) -> int:
    """Count the profiles that were built with older term weights."""
    newest = connection.execute(select(func.max(term_statistics.c.version))).scalar_one() or 0
    query = select(func.count()).select_from(profiles).where(profiles.c.statistics_version != newest)
    return connection.execute(query).scalar_one()


def newest_known(connection: Connection, since: datetime) -> dict[str, date]:
    """Return the newest announcement that each feed had in any fetch since an instant, by name."""
    query = (
        select(fetches.c.source, func.max(fetches.c.newest_on))
        .where(fetches.c.finished_at >= since, fetches.c.newest_on.is_not(None))
        .group_by(fetches.c.source)
    )
    return dict(connection.execute(query).all())


def share_of_pages(connection: Connection) -> float | None:
    """Return how much of its largest size a SQLite database has reached; None for another database."""
    if connection.dialect.name != "sqlite":
        return None
    used = connection.execute(text("PRAGMA page_count")).scalar_one()
    most = connection.execute(text("PRAGMA max_page_count")).scalar_one()
    return float(used) / float(most)


def database_bytes(connection: Connection) -> int:
    """Return the size of the database."""
    if connection.dialect.name == "sqlite":
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())
    size: int = connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one()
    return size


def server_folder(connection: Connection) -> Path | None:
    """Return the data folder of a PostgreSQL server, which it tells privileged users only; else None."""
    query = text("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    folder = connection.execute(query).scalar_one_or_none()
    return Path(folder) if folder else None


def _count(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(which)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _seconds(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[float]:
    """Return an instant as seconds."""
    if connection.dialect.name == "sqlite":
        return func.julianday(column) * 86400.0
    return cast(func.extract("epoch", column), Float)


def _day(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[date]:
    """Return the day of an instant in UTC, whatever the time zone of the database."""
    in_utc = column if connection.dialect.name == "sqlite" else func.timezone("UTC", column)
    return func.date(in_utc)
