"""An installation with thirty days of editions, for the overview: rows written straight into the tables."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import insert

from digest.domain.paper import FetchStatus
from digest.store.database import Database
from digest.store.mail_server_models import server_answers
from digest.store.models import cards, deliveries, feedback, picks, subscribers
from tests.factories import add_papers, make_papers, record_fetch

DAY = timedelta(days=1)


def thirty_days(database: Database, now: datetime, count: int = 40) -> None:
    """Fill a database: an edition on each weekday of the last thirty days, and a new subscriber now and then."""
    today = now.date()
    add_papers(database, *make_papers(60, announced_on=today - DAY), now=now - timedelta(hours=7))
    for source in ("arxiv", "huggingface"):
        record_fetch(database, now - timedelta(minutes=20), FetchStatus.COMPLETE, source, newest_on=today)
    with database.begin() as connection:
        connection.execute(
            insert(subscribers), [_subscriber(subscriber_id, now) for subscriber_id in range(1, count + 1)]
        )
        connection.execute(
            insert(cards),
            [{"id": 1, "content_sha256": "0" * 64, "contents": {"title": "A paper"}, "used_on": today}],
        )
        days = [today - back * DAY for back in range(29, -1, -1)]
        for at, day in enumerate(one for one in days if one.weekday() < 5):
            rows = [
                _delivery(subscriber_id, at, day)
                for subscriber_id in range(1, count + 1)
                if subscriber_id <= 20 + at
            ]
            ids = list(connection.execute(insert(deliveries).returning(deliveries.c.id), rows).scalars())
            rated = ids[: (at * 7) % 5 + 1] if at < 20 else ids[:9]
            _rate(connection, at, list(zip(range(1, count + 1), rated, strict=False)), day)
        connection.execute(
            insert(server_answers),
            [
                {
                    "account": "smtp://mail.example.org",
                    "stream": "digest",
                    "edition_on": today - back * DAY,
                    "accepted": 1000,
                    "refused": 4,
                    "recent": "",
                    "bounced": 3,
                }
                for back in range(5)
            ],
        )


def _subscriber(subscriber_id: int, now: datetime) -> dict[str, object]:
    joined = now - timedelta(days=max(0, 34 - subscriber_id))
    return {
        "id": subscriber_id,
        "key": f"key{subscriber_id}",
        "address": f"r{subscriber_id}@example.org",
        "address_key": f"r{subscriber_id}@example.org",
        "status": "active",
        "timezone": "UTC",
        "hour": 7,
        "frequency": "weekdays",
        "max_papers": 10,
        "next_due_at": now + timedelta(hours=19),
        "created_at": joined,
        "confirmed_at": joined,
    }


def _delivery(subscriber_id: int, at: int, day: date) -> dict[str, object]:
    due_at = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
    is_failed, is_skipped = (subscriber_id + at) % 67 == 0, (subscriber_id * 3 + at) % 11 == 0
    status = "failed" if is_failed else "skipped" if is_skipped else "sent"
    return {
        "subscriber_id": subscriber_id,
        "kind": "digest",
        "edition_on": day,
        "status": status,
        "reason": {"failed": "refused: 550 no such user", "skipped": "no_papers", "sent": ""}[status],
        "due_at": due_at,
        "next_try_at": None,
        "attempts": 1,
        "settled_at": due_at + timedelta(seconds=30 + (at * 37) % 300),
    }


def _rate(connection: object, at: int, mails: list[tuple[int, int]], day: date) -> None:
    """Each of these subscribers rates one paper of their mail."""
    paper = at + 1
    connection.execute(  # type: ignore[attr-defined]
        insert(picks),
        [
            {
                "subscriber_id": subscriber_id,
                "paper_row_id": paper,
                "delivery_id": delivery_id,
                "card_id": 1,
                "position": 1,
                "section": "for_you",
                "score": 0.5,
                "reasons": [],
            }
            for subscriber_id, delivery_id in mails
        ],
    )
    connection.execute(  # type: ignore[attr-defined]
        insert(feedback),
        [
            {
                "subscriber_id": subscriber_id,
                "paper_row_id": paper,
                "verdict": "more",
                "given_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
            }
            for subscriber_id, _ in mails
        ],
    )
