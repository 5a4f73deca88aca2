"""Factories of papers, subscribers and delivery contexts, with defaults for what a test does not need."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any, TypeVar

from sqlalchemy import func, select, update

from digest.delivery.build_mail import build_mail
from digest.delivery.composed_mail import SenderIdentity
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import DeliveryContext, Summary, deliver_ready
from digest.delivery.plan import plan_due
from digest.delivery.preview import read_mail
from digest.delivery.select_papers import Composer, SelectionSettings
from digest.domain.delivery import PAPER_KINDS
from digest.domain.paper import FeedItem, FetchStatus, Paper, Popularity
from digest.domain.subscriber import Status, Subscriber
from digest.jobs.daily import Job, Report, run
from digest.mail.envelope import Connection as Server
from digest.mail.envelope import Envelope, Transport
from digest.mail.file_transports import MemoryTransport
from digest.mail.rendering import Renderer
from digest.papers.ingest import IngestResult, ingest
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.store import delivery_reports
from digest.store import fetches as fetch_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome
from digest.store.models import subscribers, suppressions
from digest.subscribers import consent
from digest.subscribers.addresses import parse_address
from digest.subscribers.import_export import application_from
from digest.subscribers.links import Links
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import find_subscriber, subscribe

Result = TypeVar("Result")

TEMPLATES = Path(__file__).parent.parent / "templates" / "email"
SECRET = b"a secret of the tests"
BASE_URL = "https://papers.example.org"
DAY = timedelta(days=1)

MONDAY = date(2026, 3, 2)
"""A week without holidays begins."""
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = (MONDAY + ahead * DAY for ahead in range(1, 7))

IMPRINT = SenderIdentity(
    sender="Trending papers <digest@papers.example.org>",
    operator="The library",
    postal_address="1 Science Road, Exampleton",
    list_id="papers.example.org",
)

SUBJECTS: dict[str, tuple[str, str]] = {
    "splats": (
        "Gaussian splatting of rooms",
        "Novel view synthesis with gaussian splatting renders rooms from photographs in real time.",
    ),
    "robots": (
        "Robot manipulation with tactile grasping",
        "A robot arm learns manipulation and grasping of cloth from tactile sensing and demonstrations.",
    ),
    "speech": (
        "Streaming speech recognition for dialects",
        "Automatic speech recognition transcribes dialect audio with a streaming acoustic encoder.",
    ),
    "proteins": (
        "Protein structure prediction from sequences",
        "Protein folding and structure prediction use evolutionary sequence alignments of amino acids.",
    ),
}


def at(day: date, hour: int = 8, minute: int = 0) -> datetime:
    """An instant of a day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that changes only by `advance`."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def make_paper(number: int = 1, subject: str = "splats", **changes: Any) -> Paper:
    """Return a paper as from a feed; its title and abstract depend on the number."""
    title, abstract = SUBJECTS[subject]
    usual: dict[str, Any] = {
        "paper_id": f"2603.{number:05}",
        "title": f"{title}: study {_word(number)}",
        "abstract": f"{abstract} Our study is called {_word(number)} and has {_word(number + 7919)} in it.",
        "authors": (f"Ada {_word(number).title()}", "Bo Li"),
        "categories": ("cs.CV", "cs.LG"),
        "announced_on": TUESDAY,
    }
    return paper_from_feed(**{**usual, **changes})


def _word(number: int) -> str:
    """Return a made-up word for a number; no stemmer maps the words of two numbers to one."""
    syllables = "ba", "ko", "mi", "du", "fe", "lo", "ra", "ni", "su", "ga"
    return "".join(syllables[int(digit)] for digit in f"{number:05}") + "x"


def make_papers(count: int, *, first: int = 1, **fields: Any) -> list[Paper]:
    """Return `count` papers; their subjects alternate unless one is given."""
    turns = [fields.pop("subject")] if "subject" in fields else list(SUBJECTS)
    return [
        make_paper(number, turns[number % len(turns)], **fields) for number in range(first, first + count)
    ]


def add_papers(
    database: Database, *papers: Paper, now: datetime | None = None, upvotes: int = 0
) -> IngestResult:
    """Store papers first seen at `now` (the morning of the earliest announcement), with upvotes if any."""
    seen_at = now or at(min(paper.announced_on or TUESDAY for paper in papers), 1)
    votes = Popularity(seen_at, upvotes) if upvotes else None
    return ingest(database, [FeedItem(paper, votes) for paper in papers], seen_at)


def add_subscriber(
    database: Database,
    address: str = "ada@example.org",
    *,
    status: Status = Status.ACTIVE,
    builder: ProfileBuilder | None = None,
    now: datetime | None = None,
    next_due_at: datetime | None = None,
    **fields: Any,
) -> Subscriber:
    """Add a subscriber (hour 7, UTC, without interests by default) who was never planned."""
    added = subscribe(
        database,
        builder or ProfileBuilder(),
        SECRET,
        application_from(address=address, **fields),
        now or at(MONDAY, 0),
        confirmed=status != "pending",
        how="test",
    )
    with database.begin() as connection:
        if added.status != status:
            subscriber_store.set_status(connection, added.id, status)
        if next_due_at is not None:
            connection.execute(
                update(subscribers).where(subscribers.c.id == added.id).values(next_due_at=next_due_at)
            )
        return subscriber_store.find_by_ids(connection, [added.id])[added.id]


def add_subscribers(database: Database, count: int, **fields: Any) -> list[Subscriber]:
    """Add `count` subscribers, from r001@example.org on."""
    builder = ProfileBuilder()
    return [
        add_subscriber(database, f"r{number:03}@example.org", builder=builder, **fields)
        for number in range(1, count + 1)
    ]


def request_links(database: Database, secret: bytes, typed: str, now: datetime) -> Subscriber | None:
    """Process a request for links; see `digest.subscribers.consent.request_links`."""
    with database.begin() as connection:
        return consent.request_links(connection, secret, parse_address(typed), now)


def set_address(database: Database, subscriber: Subscriber, address: str) -> None:
    """Write an address into the table, also one that sign-up would refuse."""
    with database.begin() as connection:
        connection.execute(
            update(subscribers).where(subscribers.c.id == subscriber.id).values(address=address)
        )


def set_status(database: Database, subscriber: Subscriber, status: Status) -> None:
    with database.begin() as connection:
        subscriber_store.set_status(connection, subscriber.id, status)


@cache
def renderer() -> Renderer:
    """Return the renderer of the real templates, compiled once per process."""
    return Renderer(TEMPLATES)


def links() -> Links:
    return Links(BASE_URL, SECRET)


def delivery_context(
    database: Database,
    transport: Transport | None = None,
    *,
    selection_settings: SelectionSettings | None = None,
    wait_policy: WaitPolicy | None = None,
    batch_size: int = 500,
) -> DeliveryContext:
    """Return the dependencies of delivery, with real templates, a fixed secret and a transport in memory."""
    return DeliveryContext(
        database=database,
        composer=Composer(selection_settings or SelectionSettings()),
        links=links(),
        renderer=renderer(),
        transport=transport or MemoryTransport(),
        imprint=IMPRINT,
        secret=SECRET,
        wait_policy=wait_policy or WaitPolicy(),
        batch_size=batch_size,
        rng=Random(7),
    )


def deliver_due(context: DeliveryContext, now: datetime) -> Summary:
    """Plan the subscribers who are due at `now`, then deliver all that is ready."""
    plan_due(context.database, now)
    return deliver_ready(context, lambda: now)


def whole_run(context: DeliveryContext, now: datetime, **job: Any) -> Report:
    """Do one `digest run` at `now`."""
    return run(context, ProfileBuilder(), Job(**job), lambda: now)


def record_fetch(
    database: Database,
    now: datetime,
    status: FetchStatus = FetchStatus.COMPLETE,
    source: str = "arxiv",
    newest_on: date | None = None,
) -> None:
    """Record a fetch of a feed."""
    with database.begin() as connection:
        number = fetch_store.begin_fetch(connection, source, now)
        fetch_store.end_fetch(connection, number, FetchOutcome(status, newest_on=newest_on), now)


def sent_to(transport: MemoryTransport) -> list[str]:
    """Return the recipients, in the order of sending."""
    return [envelope.recipient for envelope in transport.envelopes]


def deliveries_of(database: Database, subscriber: Subscriber) -> list[Any]:
    """Return a subscriber's deliveries, the oldest edition first."""
    with database.read() as connection:
        return delivery_reports.find(connection, subscriber_id=subscriber.id, limit=1000)[::-1]


def count_suppressions(database: Database) -> int:
    """Return the number of suppressed addresses."""
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(suppressions)).scalar_one()


def one_delivery(database: Database, subscriber: Subscriber) -> Any:
    """Return the only delivery of a subscriber."""
    (row,) = deliveries_of(database, subscriber)
    return row


def papers_of(database: Database, delivery_id: int) -> list[str]:
    """Return the ids of a delivery's papers, in its order."""
    with database.read() as connection:
        return [pick.card.paper_id for pick in read_mail(connection, delivery_id).picks]


def received_by(database: Database, subscriber: Subscriber) -> dict[date, list[str]]:
    """Return the papers of each mail to a subscriber, by edition."""
    return {
        row.edition_on: papers_of(database, row.id)
        for row in deliveries_of(database, subscriber)
        if row.status == "sent" and row.kind in PAPER_KINDS
    }


def rebuilt(database: Database, delivery_id: int) -> bytes:
    """Rebuild a mail from its recorded delivery."""
    with database.read() as connection:
        mail = read_mail(connection, delivery_id)
    return build_mail(mail, links(), renderer()).to_bytes()


def subscriber_now(database: Database, address: str) -> Subscriber:
    with database.read() as connection:
        return find_subscriber(connection, address)


class Interposed:
    """A transport that calls a function for each mail; the function may raise or change the database.

    The function gets the envelope and a function that sends it to memory.
    """

    def __init__(self, interfere: Callable[[Envelope, Callable[[Envelope], str]], str]) -> None:
        self.memory = MemoryTransport()
        self._interfere = interfere

    def open(self) -> AbstractContextManager[Server]:
        return _Opened(self)

    def send(self, envelope: Envelope) -> str:
        return self._interfere(envelope, self.memory.send)

    @property
    def envelopes(self) -> Sequence[Envelope]:
        return self.memory.envelopes


class _Opened(AbstractContextManager[Server]):
    def __init__(self, transport: Interposed) -> None:
        self._transport = transport

    def __enter__(self) -> Server:
        return self._transport

    def __exit__(self, *_: object) -> None:
        return None


def together(*tasks: Callable[[], Result]) -> list[Result]:
    """Run tasks concurrently, a thread each; return their results, or raise the first error."""
    start = Barrier(len(tasks))

    def begin(task: Callable[[], Result]) -> Result:
        start.wait(timeout=10)
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return [future.result() for future in [threads.submit(begin, task) for task in tasks]]
