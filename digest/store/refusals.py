"""Queries about refused addresses and the answers of mail servers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, exists, func, select

from digest.domain.delivery import Delivery, Stream
from digest.domain.refusals import ACCEPTED, DAY, EDITIONS_APART, REFUSED, WINDOW, Answers, Evidence
from digest.store import suppressions as suppression_store
from digest.store.mail_server_models import refusals, server_answers
from digest.store.models import deliveries, subscribers, suppressions
from digest.store.papers import upsert

_REASON = "refused: "


@dataclass(frozen=True, slots=True)
class DoubtfulEdition:
    """An edition of which the server refused more mails than it accepted."""

    account: str
    stream: str
    edition_on: date
    accepted: int
    refused: int


def add_answers(
    connection: Connection, account: str, stream: Stream, edition_on: date, more: str, now: datetime
) -> Answers:
    """Add answers, the newest last, and return all answers of the edition. The row is locked until the commit."""
    statement = upsert(connection)(server_answers).values(
        account=account,
        stream=stream,
        edition_on=edition_on,
        accepted=more.count(ACCEPTED),
        refused=more.count(REFUSED),
        recent=more[-WINDOW:],
        last_accepted_at=now if ACCEPTED in more else None,
    )
    joined = server_answers.c.recent + statement.excluded.recent
    is_sqlite = connection.dialect.name == "sqlite"
    added = statement.on_conflict_do_update(
        index_elements=["account", "stream", "edition_on"],
        set_={
            "accepted": server_answers.c.accepted + statement.excluded.accepted,
            "refused": server_answers.c.refused + statement.excluded.refused,
            "last_accepted_at": func.coalesce(
                statement.excluded.last_accepted_at, server_answers.c.last_accepted_at
            ),
            "recent": func.substr(joined, -WINDOW) if is_sqlite else func.right(joined, WINDOW),
        },
    ).returning(server_answers.c.accepted, server_answers.c.refused, server_answers.c.recent)
    row = connection.execute(added).one()
    return Answers(row.accepted, row.refused, row.recent)


def last_accepted_at(connection: Connection, account: str) -> datetime | None:
    """Return when a mail was last accepted on this account; None if no record of one is stored."""
    query = select(func.max(server_answers.c.last_accepted_at)).where(server_answers.c.account == account)
    at: datetime | None = connection.execute(query).scalar_one()
    return at


def forget_recent(connection: Connection, account: str, stream: Stream) -> None:
    """Delete the window of last answers, after the server has recovered."""
    mine = (server_answers.c.account == account) & (server_answers.c.stream == stream)
    connection.execute(server_answers.update().where(mine).values(recent=""))


def note_refusal(connection: Connection, subscriber_id: int, edition_on: date, now: datetime) -> bool:
    """Record that the mail of an edition was refused or bounced for its address; False if it is recorded already."""
    statement = upsert(connection)(refusals).values(
        subscriber_id=subscriber_id, edition_on=edition_on, refused_at=now
    )
    noted = statement.on_conflict_do_nothing().returning(refusals.c.edition_on)
    return connection.execute(noted).first() is not None


def gather_evidence(connection: Connection, one: Delivery, answers: Answers, now: datetime) -> Evidence:
    """Return the evidence by which the refusal of a mail is judged."""
    counted, suppressed = count_list(connection, now)
    return Evidence(
        answers=answers,
        subscribers=counted,
        suppressed=suppressed,
        refused_before=_was_refused_before(connection, one, now),
    )


def count_list(connection: Connection, now: datetime) -> tuple[int, int]:
    """Count the subscribers on the list, and those of them who were suppressed for a refusal in the last 24 hours."""
    recent = select(func.count()).where(
        suppressions.c.since_at > now - DAY, suppressions.c.reason.startswith(_REASON)
    )
    suppressed: int = connection.execute(recent).scalar_one()
    active = select(func.count()).where(subscribers.c.status == "active", subscribers.c.frequency != "off")
    return connection.execute(active).scalar_one() + suppressed, suppressed


def _was_refused_before(connection: Connection, one: Delivery, now: datetime) -> bool:
    has_taken_mail_since = exists().where(
        deliveries.c.subscriber_id == one.subscriber_id,
        deliveries.c.status == "sent",
        deliveries.c.settled_at > refusals.c.refused_at,
    )
    query = select(refusals.c.edition_on).where(
        refusals.c.subscriber_id == one.subscriber_id,
        refusals.c.edition_on < one.edition_on,
        refusals.c.refused_at <= now - EDITIONS_APART,
        ~has_taken_mail_since,
    )
    return connection.execute(query.limit(1)).first() is not None


def suppress_refused(
    connection: Connection, subscriber_id: int, address_hash: str, answer: str, now: datetime
) -> None:
    """Suppress a refused address. Call it in the transaction that settles the refused delivery."""
    suppression_store.suppress_subscriber(connection, subscriber_id, address_hash, f"{_REASON}{answer}", now)


def doubtful_editions(connection: Connection, since: date) -> Sequence[DoubtfulEdition]:
    """Return the editions since a day of which more mails were refused than accepted, the newest first."""
    query = (
        select(
            server_answers.c.account,
            server_answers.c.stream,
            server_answers.c.edition_on,
            server_answers.c.accepted,
            server_answers.c.refused,
        )
        .where(server_answers.c.edition_on >= since, server_answers.c.refused > server_answers.c.accepted)
        .order_by(server_answers.c.edition_on.desc(), server_answers.c.account, server_answers.c.stream)
    )
    return [DoubtfulEdition(*row) for row in connection.execute(query)]


def delete_evidence(connection: Connection, before: date) -> None:
    """Delete evidence of editions before a day."""
    for table in (server_answers, refusals):
        connection.execute(delete(table).where(table.c.edition_on < before))
