import socket
from datetime import UTC, date, datetime

from digest.mail.smtp_session import Server, Tls

# A Thursday, 08:00 in New York: the listing of the day was announced hours ago.
NOW = datetime(2026, 3, 5, 13, 0, tzinfo=UTC)

TODAY = NOW.date()

FAR = Server("mail.example.org", 587, Tls.REQUIRED, "me", "s3cret/+")

REAL_SENDER = "Papers <digest@papers.ac>"


Zone = dict[str, list[str] | None]
"""The records of a name server: TXT by `name`, others by `name TYPE`. None: no records of this type."""


# The database


def a_paper(announced_on: date) -> dict[str, object]:
    return {
        "paper_id": f"2603.{announced_on.day:05}",
        "title_id": f"title:{announced_on}",
        "title": "A title",
        "abstract": "An abstract.",
        "authors": [],
        "categories": [],
        "announced_on": announced_on,
        "announced_guessed": False,
        "withdrawn": False,
        "links": {},
        "raw_title": "A title",
        "raw_abstract": "An abstract.",
        "first_seen_at": NOW,
        "updated_at": NOW,
    }


def a_subscriber(
    number: int, next_due_at: datetime | None = None, status: str = "active"
) -> dict[str, object]:
    return {
        "id": number,
        "key": f"key{number}",
        "address": f"subscriber{number}@example.net",
        "address_key": f"subscriber{number}@example.net",
        "status": status,
        "timezone": "UTC",
        "hour": 7,
        "frequency": "daily",
        "max_papers": 10,
        "next_due_at": next_due_at,
        "created_at": NOW,
    }


# The broker


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
