"""Queries about mail that comes back: reports, the deliveries they are about, and bounces by edition."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, or_, select, update

from digest.domain.delivery import TRANSACTIONAL_KINDS, Kind, Stream, stream_of
from digest.domain.inbound import InboundKind, InboundOutcome, MatchedBy, Severity
from digest.domain.refusals import EDITIONS_APART, Answers
from digest.store.mail_server_models import inbound_reports, refusals, server_answers, soft_bounces
from digest.store.models import deliveries, subscribers
from digest.store.papers import upsert

_LAST_EDITIONS = 10
"""Number of a subscriber's last editions that decide whether soft bounces pause the subscriber."""


@dataclass(frozen=True, slots=True)
class BouncedDelivery:
    """The delivery that an inbound mail is about."""

    id: int
    subscriber_id: int
    subscriber_key: str
    address: str
    kind: Kind
    edition_on: date
    message_id: str

    @property
    def stream(self) -> Stream:
        """The stream that the mail was sent in."""
        return stream_of(self.kind)


@dataclass(frozen=True, slots=True)
class InboundReport:
    """What is stored of an inbound mail."""

    content_sha256: str
    received_at: datetime
    kind: InboundKind
    outcome: InboundOutcome
    severity: Severity | None = None
    status_code: str = ""
    words: str = ""
    matched_by: MatchedBy | None = None
    subscriber_id: int | None = None
    mail_kind: Kind | None = None
    edition_on: date | None = None


def is_processed(connection: Connection, content_sha256: str) -> bool:
    """Return whether a mail was processed before."""
    query = select(inbound_reports.c.id).where(inbound_reports.c.content_sha256 == content_sha256)
    return connection.execute(query).first() is not None


def save_report(connection: Connection, report: InboundReport) -> bool:
    """Store a report; False if another process has stored one of the same mail."""
    statement = upsert(connection)(inbound_reports).values(asdict(report)).on_conflict_do_nothing()
    return connection.execute(statement.returning(inbound_reports.c.id)).first() is not None


def set_outcome(connection: Connection, content_sha256: str, outcome: InboundOutcome) -> None:
    """Change the outcome of a mail."""
    mine = inbound_reports.c.content_sha256 == content_sha256
    connection.execute(update(inbound_reports).where(mine).values(outcome=outcome))


def find_reports(
    connection: Connection,
    *,
    subscriber_id: int | None = None,
    kinds: Collection[InboundKind] = (),
    report_id: int | None = None,
    limit: int = 50,
) -> list[Row[*tuple[Any, ...]]]:
    """Return reports with the address of their subscriber, the newest first."""
    query = (
        select(inbound_reports, subscribers.c.address)
        .join(subscribers, inbound_reports.c.subscriber_id == subscribers.c.id, isouter=True)
        .order_by(inbound_reports.c.received_at.desc(), inbound_reports.c.id.desc())
        .limit(limit)
    )
    if subscriber_id is not None:
        query = query.where(inbound_reports.c.subscriber_id == subscriber_id)
    if report_id is not None:
        query = query.where(inbound_reports.c.id == report_id)
    if kinds:
        query = query.where(inbound_reports.c.kind.in_(kinds))
    return list(connection.execute(query))


def count_reports(connection: Connection, since: datetime) -> dict[tuple[str, str], int]:
    """Count the reports since an instant by kind and outcome."""
    query = (
        select(inbound_reports.c.kind, inbound_reports.c.outcome, func.count())
        .where(inbound_reports.c.received_at >= since)
        .group_by(inbound_reports.c.kind, inbound_reports.c.outcome)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def delete_reports(connection: Connection, before: datetime) -> None:
    """Delete reports and soft bounces from before an instant."""
    connection.execute(delete(inbound_reports).where(inbound_reports.c.received_at < before))
    connection.execute(delete(soft_bounces).where(soft_bounces.c.bounced_at < before))


# The delivery that a mail is about.


def _find_delivery(connection: Connection, *conditions: Any) -> BouncedDelivery | None:
    query = (
        select(
            deliveries.c.id,
            deliveries.c.subscriber_id,
            subscribers.c.key,
            subscribers.c.address,
            deliveries.c.kind,
            deliveries.c.edition_on,
            deliveries.c.message_id,
        )
        .join(subscribers, deliveries.c.subscriber_id == subscribers.c.id)
        .where(*conditions, deliveries.c.message_id.is_not(None))
        .order_by(deliveries.c.edition_on.desc(), deliveries.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else BouncedDelivery(*row[:4], Kind(row.kind), row.edition_on, row.message_id)


def find_by_id(connection: Connection, delivery_id: int) -> BouncedDelivery | None:
    """Return a delivery that was composed."""
    return _find_delivery(connection, deliveries.c.id == delivery_id)


def find_edition(
    connection: Connection, subscriber_key: str, kinds: Collection[Kind], edition_on: date
) -> BouncedDelivery | None:
    """Return the newest delivery of these kinds of a subscriber's edition."""
    return _find_delivery(
        connection,
        subscribers.c.key == subscriber_key,
        deliveries.c.kind.in_(kinds),
        deliveries.c.edition_on == edition_on,
    )


def find_newest(connection: Connection, address_key: str) -> BouncedDelivery | None:
    """Return the newest mail that was sent to an address."""
    return _find_delivery(connection, subscribers.c.address_key == address_key, deliveries.c.status == "sent")


def note_on_delivery(connection: Connection, delivery_id: int, reason: str) -> None:
    """Record in the ledger that a sent mail came back."""
    mine = (deliveries.c.id == delivery_id) & (deliveries.c.status == "sent")
    connection.execute(update(deliveries).where(mine).values(reason=reason))


# Hard bounces.


def add_bounced(connection: Connection, account: str, one: BouncedDelivery, count: int) -> Answers:
    """Count mails of an edition that came back; return all answers to it, of all accounts.

    What came back does not count as accepted. The row of the account is locked until the commit.
    """
    statement = upsert(connection)(server_answers).values(
        account=account,
        stream=one.stream,
        edition_on=one.edition_on,
        accepted=0,
        refused=0,
        recent="",
        bounced=count,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "stream", "edition_on"],
            set_={"bounced": server_answers.c.bounced + statement.excluded.bounced},
        )
    )
    query = select(
        func.sum(server_answers.c.accepted),
        func.sum(server_answers.c.refused),
        func.sum(server_answers.c.bounced),
    ).where(server_answers.c.stream == one.stream, server_answers.c.edition_on == one.edition_on)
    accepted, refused, bounced = connection.execute(query).one()
    return Answers(max(0, accepted - bounced), refused + bounced)


def was_bounced_before(connection: Connection, one: BouncedDelivery, now: datetime) -> bool:
    """Return whether an earlier edition came back, at least EDITIONS_APART ago, and none between the two arrived."""
    earlier = refusals.alias("earlier")
    between = refusals.alias("between")
    came_back = exists().where(
        between.c.subscriber_id == one.subscriber_id, between.c.edition_on == deliveries.c.edition_on
    )
    arrived = exists().where(
        deliveries.c.subscriber_id == one.subscriber_id,
        deliveries.c.status == "sent",
        deliveries.c.edition_on > earlier.c.edition_on,
        deliveries.c.edition_on < one.edition_on,
        ~came_back,
    )
    query = select(earlier.c.edition_on).where(
        earlier.c.subscriber_id == one.subscriber_id,
        earlier.c.edition_on < one.edition_on,
        earlier.c.refused_at <= now - EDITIONS_APART,
        ~arrived,
    )
    return connection.execute(query.limit(1)).first() is not None


# Soft bounces.


def note_soft_bounce(connection: Connection, subscriber_id: int, edition_on: date, now: datetime) -> bool:
    """Record that an edition did not reach a mailbox for now; False if it is recorded already."""
    statement = upsert(connection)(soft_bounces).values(
        subscriber_id=subscriber_id, edition_on=edition_on, bounced_at=now
    )
    noted = statement.on_conflict_do_nothing().returning(soft_bounces.c.edition_on)
    return connection.execute(noted).first() is not None


def last_editions(connection: Connection, subscriber_id: int, through: date) -> list[bool]:
    """Return whether each of the last digests, up to an edition, met a soft bounce; the oldest first.

    Digests that were not sent for another reason are left out.
    """
    joined = and_(
        soft_bounces.c.subscriber_id == deliveries.c.subscriber_id,
        soft_bounces.c.edition_on == deliveries.c.edition_on,
    )
    query = (
        select(soft_bounces.c.edition_on)
        .select_from(deliveries.join(soft_bounces, joined, isouter=True))
        .where(
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.kind.not_in(TRANSACTIONAL_KINDS),
            deliveries.c.edition_on <= through,
            or_(deliveries.c.status == "sent", soft_bounces.c.edition_on.is_not(None)),
        )
        .order_by(deliveries.c.edition_on.desc())
        .limit(_LAST_EDITIONS)
    )
    return [edition_on is not None for edition_on in connection.execute(query).scalars()][::-1]


def pause(connection: Connection, subscriber_id: int) -> bool:
    """Pause an active subscriber until somebody resumes them, and forget the soft bounces; False if not active."""
    mine = (subscribers.c.id == subscriber_id) & (subscribers.c.status == "active")
    paused = update(subscribers).where(mine).values(status="paused", paused_until=None)
    if not connection.execute(paused).rowcount:
        return False
    connection.execute(delete(soft_bounces).where(soft_bounces.c.subscriber_id == subscriber_id))
    return True
