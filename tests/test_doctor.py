"""The doctor: each fault is found, named in plain words, and nothing is given away or left behind."""

import base64
import json
import os
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import typer
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from typer.testing import CliRunner, Result

from digest.cli.doctor import doctor
from digest.doctor.broker import examine_broker, place_of
from digest.doctor.check import Check, attempt, bad, exit_code, good, lines, summary, warning
from digest.doctor.configuration import (
    judge_base_url,
    judge_contact,
    judge_names,
    judge_secret_key,
    judge_sender,
    names_given,
)
from digest.doctor.database import Shape, examine_database, judge_clock, judge_shape, spoken
from digest.doctor.feeds import Sample, examine_feeds, judge_sample
from digest.doctor.folder import Folder, examine_transport, judge_folder
from digest.doctor.ledger import examine_ledger, judge_planning, judge_queue, judge_settled
from digest.doctor.library import (
    Reading,
    examine_library,
    judge_freshness,
    judge_reading,
    missed_announcements,
)
from digest.doctor.mail_server import judge_certificate, judge_features, judge_sender_answer, judge_visit
from digest.doctor.sender_domain import Lookup, dmarc_names, examine_sender_domain, judge_dmarc, judge_spf
from digest.doctor.smtp_facts import Trouble, Visit
from digest.doctor.smtp_visit import visit
from digest.errors import StopRun
from digest.mail.smtp_answers import Answer
from digest.mail.smtp_greeting import Server, Tls
from digest.mail.transports import transport_from
from digest.settings import Settings
from digest.store import fetches as fetch_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome, FetchStatus
from digest.store.health import Queue, Settled
from digest.store.models import deliveries, papers, subscribers
from tests.conftest import missing
from tests.mail import conftest as mail_fixtures
from tests.mail.servers import SILENCE, Handler, check_password
from tests.papers.feed_server import FeedServer, Reply, feed_server

certificate = mail_fixtures.certificate
trusted = mail_fixtures.trusted
serve = mail_fixtures.serve
scripted = mail_fixtures.scripted

# A Thursday, 08:00 in New York: the listing of the day is long out.
NOW = datetime(2026, 3, 5, 13, 0, tzinfo=UTC)
TODAY = NOW.date()
STALE = timedelta(hours=20)
PATIENCE = timedelta(hours=6)
FAR = Server("mail.example.org", 587, Tls.REQUIRED, "me", "s3cret/+")
NEAR = Server("localhost", 25, Tls.NONE)
REAL_SENDER = "Papers <digest@papers.ac>"


def state_of(checks: Sequence[Check], name: str) -> str:
    return next(check.state for check in checks if check.name == name)


# What all checks amount to


def test_the_worst_check_decides_the_exit_code() -> None:
    fine, doubtful, ill = good("a", "A."), warning("b", "B.", "Do."), bad("c", "C.", "Do.")
    assert exit_code([]) == exit_code([fine]) == 0
    assert exit_code([fine, doubtful, fine]) == 1
    assert exit_code([ill, fine, doubtful]) == 2
    assert summary([fine, doubtful, ill, fine]) == "2 good, 1 warning, 1 bad"


def test_advice_stands_below_the_finding() -> None:
    assert lines(good("a", "A.")) == ["✓ a: A."]
    assert lines(bad("c", "Ill.", "Do.")) == ["✗ c: Ill.", "    Do."]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_the_signs_gets_others(encoding: str) -> None:
    shown = [lines(check, encoding)[0] for check in (good("a", "Ω."), bad("c", "Ω.", ""))]
    assert shown == ["+ a: ?.", "x c: ?."]


def test_an_unforeseen_error_is_told_without_its_words() -> None:
    def work() -> int:
        raise ValueError("password s3cret")

    check = attempt("part", work)
    assert isinstance(check, Check)
    assert check.state == "bad"
    assert "ValueError" in check.finding
    assert "s3cret" not in repr(check)


def test_a_foreseen_error_is_told_in_its_words() -> None:
    def work() -> int:
        raise StopRun("The disk is full: make room.")

    assert attempt("part", work) == Check("part", "bad", "The disk is full: make room.")


# Settings


@pytest.mark.parametrize(
    ("key", "has_one_file", "state"),
    [
        (None, True, "good"),
        (None, False, "warning"),
        ("k3y", True, "warning"),
        ("0123456789abcdef" * 4, False, "good"),
    ],
)
def test_secret_key(key: str | None, has_one_file: bool, state: str) -> None:
    check = judge_secret_key(key, has_one_file=has_one_file)
    assert check.state == state
    assert key is None or key not in repr(check)


@pytest.mark.parametrize(
    ("url", "server", "state"),
    [
        ("http://localhost:8000", None, "good"),
        ("http://127.0.0.1:8000", NEAR, "good"),
        ("http://localhost:8000", FAR, "warning"),
        ("https://localhost:8000", FAR, "warning"),
        ("https://papers.ac", FAR, "good"),
        ("http://papers.ac", FAR, "bad"),
        ("http://papers.ac", None, "warning"),
    ],
)
def test_web_address(url: str, server: Server | None, state: str) -> None:
    assert judge_base_url(url, server).state == state


@pytest.mark.parametrize(
    ("sender", "server", "state"),
    [
        ("Papers <digest@localhost>", None, "good"),
        ("Papers <digest@localhost>", FAR, "bad"),
        ("Papers <digest@localhost>", NEAR, "warning"),
        ("digest@mail.example.org", FAR, "bad"),
        ("digest@papers.local", FAR, "bad"),
        (REAL_SENDER, FAR, "good"),
        ("no address", None, "bad"),
    ],
)
def test_sender(sender: str, server: Server | None, state: str) -> None:
    assert judge_sender(sender, server).state == state


def test_contact_is_asked_for_where_feeds_are_read() -> None:
    assert judge_contact("", ["arxiv"]).state == "warning"
    assert judge_contact("", []).state == "good"
    assert judge_contact("me@papers.ac", ["arxiv"]).state == "good"


def test_a_slip_of_the_pen_in_a_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_MAIL_URI", "smtp://me:s3cret@host")
    Path(".env").write_text("# mine\nexport DIGEST_SENDR=x\nDIGEST_CONTACT = y\nOTHER=z\n", encoding="utf-8")
    names = names_given()
    assert {"DIGEST_MAIL_URI", "DIGEST_SENDR", "DIGEST_CONTACT"} <= set(names)
    check = judge_names([*names, "DIGEST_TEST_POSTGRESQL_URL"])
    assert check.state == "warning"
    assert "DIGEST_MAIL_URI, DIGEST_SENDR" in check.finding
    assert "Did you mean DIGEST_MAIL_URL?" in check.advice
    assert "CONTACT" not in check.finding
    assert "TEST" not in check.finding
    assert "s3cret" not in repr(check)
    assert judge_names(["DIGEST_CONTACT"]).state == "good"


# The database


def a_paper(announced_on: date) -> dict[str, object]:
    return {
        "canonical_id": f"2603.{announced_on.day:05}",
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


def a_reader(number: int, next_due_at: datetime | None = None, status: str = "active") -> dict[str, object]:
    return {
        "id": number,
        "key": f"key{number}",
        "address": f"reader{number}@example.net",
        "address_key": f"reader{number}@example.net",
        "status": status,
        "timezone": "UTC",
        "hour": 7,
        "frequency": "daily",
        "max_papers": 10,
        "next_due_at": next_due_at,
        "created_at": NOW,
    }


def a_delivery(reader: int, status: str, **changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "subscriber_id": reader,
        "kind": "digest",
        "edition_on": TODAY,
        "status": status,
        "reason": "",
        "due_at": NOW,
        "next_try_at": None,
        "attempts": 1,
        "settled_at": None,
    }
    return usual | changes


def test_a_sound_database_says_what_it_holds(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(papers), [a_paper(TODAY)])
        connection.execute(insert(subscribers), [a_reader(1), a_reader(2, status="pending")])
    checks = examine_database(database, lambda: datetime.now(UTC))
    assert {check.state for check in checks} == {"good"}
    assert "1 paper and 2 readers, 1 of them active" in checks[0].finding
    assert [check.name for check in checks[1:]] == ([] if database.is_sqlite else ["database clock"])


@pytest.mark.services
def test_a_clock_that_differs_from_the_database_servers_is_found(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    checks = examine_database(database, lambda: datetime.now(UTC) - timedelta(minutes=5))
    database.close()
    clock = next(check for check in checks if check.name == "database clock")
    assert clock.state == "warning"
    assert "ahead of" in clock.finding


@given(st.integers(-(10**6), 10**6))
def test_clocks_agree_within_a_minute(seconds: int) -> None:
    check = judge_clock(timedelta(seconds=seconds))
    assert check.state == ("good" if abs(seconds) <= 60 else "warning")


def test_looking_at_a_database_that_is_not_there_does_not_make_one(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    (check,) = examine_database(database, lambda: NOW)
    database.close()
    assert check.state == "bad"
    assert "digest init" in check.advice
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_and_one_that_is_none(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    (check,) = examine_database(database, lambda: NOW)
    database.close()
    assert (check.state, check.advice) == ("bad", "Create its tables with: digest init")

    (tmp_path / "letter.db").write_text("Dear reader, " * 1000, encoding="utf-8")
    database = Database(f"sqlite:///{tmp_path / 'letter.db'}")
    with pytest.raises(StopRun, match="not a database"):
        examine_database(database, lambda: NOW)
    database.close()


def test_a_database_of_a_later_version_asks_for_that_version(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    (check,) = examine_database(database, lambda: NOW)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :was"), {"was": "0001"})
    assert check.state == "bad"
    assert "later version" in check.finding


def test_an_old_database_asks_for_an_upgrade() -> None:
    check = judge_shape("sqlite:///x", Shape("0001", "0002", is_known=True))
    assert check is not None
    assert "digest init" in check.advice
    assert judge_shape("sqlite:///x", Shape("0002", "0002", is_known=True)) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "less than a minute"),
        (60, "1 minute"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_spans_are_told_as_people_tell_them(seconds: int, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words


# Papers and feeds


@pytest.mark.parametrize(
    ("newest_on", "now", "state"),
    [
        (None, NOW, "bad"),
        (TODAY, NOW, "good"),
        (date(2026, 3, 4), NOW, "warning"),
        (date(2026, 3, 3), NOW, "bad"),
        # 21:00 on Thursday in New York: Friday's listing is an hour old.
        (TODAY, datetime(2026, 3, 6, 2, 0, tzinfo=UTC), "good"),
        (TODAY, datetime(2026, 3, 6, 8, 0, tzinfo=UTC), "warning"),
        # On Sunday at noon nothing has come since Friday, and nothing should have.
        (date(2026, 3, 6), datetime(2026, 3, 8, 17, 0, tzinfo=UTC), "good"),
        (TODAY, datetime(2026, 3, 8, 17, 0, tzinfo=UTC), "warning"),
    ],
)
def test_papers_are_held_against_the_announcement_calendar(
    newest_on: date | None, now: datetime, state: str
) -> None:
    assert judge_freshness(newest_on, (), PATIENCE, now, is_fed=True).state == state


def test_papers_imported_by_hand_are_no_fault_of_a_feed() -> None:
    check = judge_freshness(date(2026, 2, 2), (), PATIENCE, NOW, is_fed=False)
    assert check.state == "warning"
    assert "No feed was ever read" in check.finding


def test_holidays_are_no_missed_announcements() -> None:
    # The mailing of Friday 2026-07-03 is deferred: there is no listing on Monday the 6th.
    assert missed_announcements(date(2026, 7, 3), date(2026, 7, 7), ()) == 1
    assert missed_announcements(date(2026, 3, 3), TODAY, ()) == 2
    assert missed_announcements(date(2026, 3, 3), TODAY, {date(2026, 3, 3)}) == 1
    assert missed_announcements(TODAY, TODAY, ()) == 0
    assert missed_announcements(date(2026, 12, 1), TODAY, ()) == 0


@pytest.mark.parametrize(
    ("status", "hours_ago", "good_hours_ago", "state"),
    [
        ("complete", 1, 1, "good"),
        ("partial", 1, 1, "warning"),
        ("failed", 1, 3, "warning"),
        ("failed", 1, 30, "bad"),
        ("failed", 1, None, "bad"),
        ("complete", 60, 60, "warning"),
    ],
)
def test_the_newest_reading_of_a_feed(
    status: str, hours_ago: int, good_hours_ago: int | None, state: str
) -> None:
    last_good_at = None if good_hours_ago is None else NOW - timedelta(hours=good_hours_ago)
    reading = Reading("arxiv", status, NOW - timedelta(hours=hours_ago), 80, "It broke off.", last_good_at)
    assert judge_reading("arxiv", reading, NOW).state == state


def fetched(database: Database, source: str, status: FetchStatus, hours_ago: float, error: str = "") -> None:
    at = NOW - timedelta(hours=hours_ago)
    with database.begin() as connection:
        number = fetch_store.begin_fetch(connection, source, at)
        fetch_store.end_fetch(connection, number, FetchOutcome(status, seen=812, error=error), at)


def test_papers_and_feeds_as_the_database_knows_them(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(papers), [a_paper(TODAY), a_paper(date(2026, 3, 30))])
        fetch_store.begin_fetch(connection, "arxiv-oai", NOW)
    fetched(database, "arxiv", "complete", 3)
    fetched(database, "arxiv", "failed", 1, "arXiv does not answer.")
    fetched(database, "huggingface", "complete", 1)
    fetched(database, "arxiv-api", "complete", -5)
    checks = examine_library(database, ["huggingface", "arxiv", "arxiv-oai", "arxiv-api"], (), PATIENCE, NOW)
    assert [(check.name, check.state) for check in checks] == [
        ("papers", "good"),
        ("feed huggingface", "good"),
        ("feed arxiv", "warning"),
        ("feed arxiv-oai", "warning"),
        ("feed arxiv-api", "warning"),
    ]
    assert checks[1].finding == "Read 60 minutes ago: 812 papers."
    assert "arXiv does not answer" in checks[2].finding
    assert "never read" in checks[4].finding


# The ledger


@pytest.mark.parametrize(("count", "hours", "state"), [(0, 0, "good"), (3, 4, "warning"), (3, 21, "bad")])
def test_readers_nobody_planned_for(count: int, hours: int, state: str) -> None:
    since = NOW - timedelta(hours=hours) if count else None
    assert judge_planning(count, since, STALE, NOW).state == state


@pytest.mark.parametrize(
    ("overdue", "hours", "state"), [(0, 0, "good"), (5, 1, "good"), (5, 3, "warning"), (5, 21, "bad")]
)
def test_deliveries_nobody_takes_up(overdue: int, hours: int, state: str) -> None:
    since = NOW - timedelta(hours=hours) if overdue else None
    check = judge_queue(Queue(7, overdue, since, 2, "The server asks to wait."), STALE, NOW)
    assert check.state == state
    assert "2 will be tried again (The server asks to wait)" in check.finding


@pytest.mark.parametrize(
    ("sent", "failed", "state"),
    [(0, 0, "good"), (10, 0, "good"), (999, 1, "good"), (90, 10, "warning"), (4, 1, "bad"), (0, 1, "bad")],
)
def test_the_share_of_mails_that_failed(sent: int, failed: int, state: str) -> None:
    assert judge_settled(Settled(sent, failed, "No such mailbox.")).state == state


def test_the_ledger_as_the_database_knows_it(database: Database) -> None:
    old, lately = NOW - timedelta(days=2), NOW - timedelta(hours=2)
    with database.begin() as connection:
        connection.execute(
            insert(subscribers),
            [
                a_reader(1, NOW - timedelta(hours=5)),
                a_reader(2, NOW - timedelta(hours=1)),
                a_reader(3, NOW + timedelta(hours=9)),
                a_reader(13, NOW + timedelta(days=365)),
                a_reader(4, NOW - timedelta(days=9), status="unsubscribed"),
                *(a_reader(number) for number in range(5, 13)),
            ],
        )
        connection.execute(
            insert(deliveries),
            [
                a_delivery(1, "failed", settled_at=old, reason="Long ago."),
                a_delivery(2, "failed", settled_at=lately, reason="No such mailbox."),
                a_delivery(3, "failed", settled_at=lately, reason="No such mailbox."),
                a_delivery(4, "failed", settled_at=lately, reason="Another."),
                *(a_delivery(number, "sent", settled_at=lately) for number in (5, 6, 7)),
                a_delivery(8, "skipped", settled_at=lately, reason="Nothing new."),
                a_delivery(9, "planned", next_try_at=NOW + timedelta(hours=1), attempts=0),
                a_delivery(10, "planned", next_try_at=NOW - timedelta(hours=3), reason="Asks to wait."),
                a_delivery(11, "claimed", next_try_at=NOW + timedelta(minutes=5)),
            ],
        )
    planning, strayed, queue, settled = examine_ledger(database, STALE, NOW)
    assert (strayed.state, "1 subscriber would" in strayed.finding) == ("warning", True)
    assert (planning.state, queue.state, settled.state) == ("warning", "warning", "bad")
    assert planning.finding == "1 digest should have been planned, the first 5 hours ago."
    assert "1 delivery waits to be taken up, the first for 3 hours" in queue.finding
    assert "1 will be tried again (Asks to wait)" in queue.finding
    assert settled.finding == "3 of 6 failed during the last day (50.0%). Most often: No such mailbox."


def test_an_empty_ledger_is_good(database: Database) -> None:
    assert {check.state for check in examine_ledger(database, STALE, NOW)} == {"good"}


# The broker


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.services
def test_a_redis_that_answers() -> None:
    url = os.environ.get("DIGEST_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    check = examine_broker(url)
    if "Start Redis" in check.advice:
        missing("Redis")
    assert check.state == "good"


@pytest.mark.services
def test_a_redis_that_wants_another_password() -> None:
    check = examine_broker("redis://nobody:s3cret@127.0.0.1:6379/0")
    if "Start Redis" in check.advice:
        missing("Redis")
    assert check.state == "bad"
    assert "refuses user or password" in check.finding
    assert "s3cret" not in repr(check)


def test_a_redis_that_is_not_there() -> None:
    check = examine_broker(f"redis://:s3cret@127.0.0.1:{closed_port()}/0")
    assert check.state == "bad"
    assert "no connection to Redis" in check.finding
    assert "s3cret" not in repr(check)


@pytest.fixture
def almost_redis() -> Iterator[Callable[[bytes], int]]:
    """Start servers that take commands as Redis does and answer each PING in their own way."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answer: bytes) -> int:
        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while head := self.rfile.readline():
                    words = [self.rfile.readline() for _ in range(2 * int(head[1:]))]
                    self.wfile.write(answer if words[1] == b"PING\r\n" else b"+OK\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        port: int = server.server_address[1]
        return port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "does not answer"),
        (b"220 mail.example.org ready\r\n", "is no Redis"),
        (b"+READY\r\n", "is no Redis"),
        (b"-LOADING Redis is loading\r\n", "does not take commands"),
        (b"-MISCONF snapshots fail\r\n", "does not take commands"),
        (b"-NOAUTH Authentication required.\r\n", "refuses user or password"),
        (b"+PONG\r\n", "answers"),
    ],
)
def test_how_a_redis_can_answer(answer: bytes, words: str, almost_redis: Callable[[bytes], int]) -> None:
    check = examine_broker(f"redis://127.0.0.1:{almost_redis(answer)}/0", timeout_seconds=1)
    assert check.state == ("good" if b"PONG" in answer else "bad")
    assert words in check.finding


@pytest.mark.parametrize("url", ["redis://me:s3/cret@host", "redis://[s3cret", "s3cret", "redis://"])
def test_a_broker_address_that_is_none_is_not_repeated(url: str) -> None:
    check = examine_broker(url)
    assert check.state == "bad"
    assert "s3" not in repr(check)


def test_a_broker_that_is_no_redis_is_not_asked() -> None:
    check = examine_broker("amqp://me:s3cret@host/vhost")
    assert check.state == "warning"
    assert "s3cret" not in repr(check)
    assert place_of("redis://me:s3cret@host:6380/2") == "redis://host:6380/2"


# Folders


@pytest.mark.parametrize("kind", ["maildir", "file"])
def test_a_folder_that_takes_mail_is_left_as_it_was(kind: str, tmp_path: Path) -> None:
    missing_yet = tmp_path / "deep" / "outbox"
    check = examine_transport(transport_from(f"{kind}:{missing_yet}"))
    assert (check.state, "will be made" in check.finding) == ("good", True)
    assert not missing_yet.parent.exists()
    missing_yet.mkdir(parents=True)
    assert examine_transport(transport_from(f"{kind}:{missing_yet}")).state == "good"
    assert list(missing_yet.iterdir()) == []


def test_a_folder_that_takes_no_mail(tmp_path: Path) -> None:
    (tmp_path / "outbox").touch()
    check = examine_transport(transport_from(f"file:{tmp_path / 'outbox' / 'deeper'}"))
    assert check.state == "bad"
    assert "DIGEST_MAIL_URL" in check.advice


def test_a_full_disk_is_seen_before_the_last_mail() -> None:
    assert (
        judge_folder(Folder(Path("outbox"), is_there=True, refusal="", free_bytes=5 * 2**20)).state
        == "warning"
    )


@pytest.mark.parametrize("url", ["console:", "memory:"])
def test_mail_that_reaches_nobody_is_said_to(url: str) -> None:
    assert examine_transport(transport_from(url)).state == "warning"


# The mail server


def visited(
    port: int,
    tls: Tls = Tls.NONE,
    *,
    host: str = "localhost",
    user: str = "",
    seconds: float = 5,
    password: str = "",
) -> tuple[Visit, list[Check]]:
    found = visit(Server(host, port, tls, user, password, seconds), REAL_SENDER)
    return found, judge_visit(found, datetime.now(UTC))


def trouble(visited: tuple[Visit, list[Check]], kind: Trouble) -> Check:
    """Return the check that tells of the trouble, which must be the only bad one and advise something."""
    found, checks = visited
    assert found.trouble is kind, (found.trouble, found.words)
    # The test's certificate is valid for two days only, which is a warning.
    (told,) = [check for check in checks if check.state != "good" and "left." not in check.finding]
    assert told.finding
    assert told.advice
    assert not any("{" in check.finding + check.advice for check in checks)
    return told


def test_every_trouble_has_words() -> None:
    for kind in Trouble:
        found = Visit(FAR, trouble=kind, words="said so", is_open=True)
        assert judge_visit(found, NOW)[-1].advice


# The test's server does not know that it stands behind TLS from the first byte.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("implicit", [True, False])
def test_a_server_that_takes_our_mail_is_good_all_through(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    handler = Handler()
    port = serve(
        handler,
        certificate,
        implicit=implicit,
        authenticator=check_password,
        auth_required=True,
        auth_require_tls=not implicit,
        data_size_limit=10 * 2**20,
    )
    found, checks = visited(
        port, Tls.IMPLICIT if implicit else Tls.REQUIRED, user="me@example.org", password="s3cret/+"
    )
    assert found.trouble is None
    assert [check.name for check in checks] == [
        "mail server",
        "mail TLS",
        "mail certificate",
        "mail login",
        "mail sender",
        "mail abilities",
    ]
    # The test's certificate is made for two days.
    assert [check.name for check in checks if check.state != "good"] == ["mail certificate"]
    assert found.certificate_until is not None
    assert timedelta(days=1) < found.certificate_until - datetime.now(UTC) <= timedelta(days=2)
    assert checks[-1].finding == "The server offers 8BITMIME, mails up to 10.0 MB."
    assert handler.taken == []


def test_a_server_on_this_machine_needs_no_tls(serve: Callable[..., int]) -> None:
    _, checks = visited(serve(Handler()))
    assert {check.state for check in checks} == {"good"}


def test_a_server_elsewhere_without_tls_is_a_warning(serve: Callable[..., int]) -> None:
    found, _ = visited(serve(Handler()), Tls.OFFERED)
    found.server = Server("mail.example.org", 25, Tls.OFFERED)
    assert state_of(judge_visit(found, NOW), "mail TLS") == "warning"


def test_a_name_nobody_has() -> None:
    check = trouble(visited(25, host="no such host.invalid"), Trouble.NAME_UNKNOWN)
    assert "percent-encoded" in check.advice


def test_a_name_that_is_too_long_for_a_name() -> None:
    trouble(visited(25, host="a" * 64 + ".invalid"), Trouble.NAME_UNKNOWN)


def test_a_closed_port() -> None:
    assert "587" in trouble(visited(closed_port()), Trouble.REFUSED).advice


def test_implicit_tls_to_a_port_that_begins_in_plain_text(
    serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate)
    check = trouble(visited(port, Tls.IMPLICIT), Trouble.PLAIN_FIRST)
    assert check.name == "mail TLS"
    assert f"smtp:// in DIGEST_MAIL_URL for port {port}" in check.advice


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.OFFERED, Tls.NONE])
def test_plain_text_to_a_port_that_begins_with_tls(
    tls: Tls, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=True)
    check = trouble(visited(port, tls, seconds=1), Trouble.TLS_FIRST)
    assert f"smtps:// in DIGEST_MAIL_URL for port {port}" in check.advice


def test_a_server_that_offers_no_tls_gets_no_password(serve: Callable[..., int]) -> None:
    asked: list[object] = []

    def remember(*words: object) -> AuthResult:
        asked.append(words)
        return AuthResult(success=True)

    port = serve(Handler(), authenticator=remember, auth_require_tls=False)
    trouble(visited(port, Tls.REQUIRED, user="me", password="s3cret"), Trouble.TLS_NOT_OFFERED)
    for tls in (Tls.NONE, Tls.OFFERED):
        trouble(visited(port, tls, user="me", password="s3cret"), Trouble.LOGIN_NEEDS_TLS)
    assert asked == []


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_nobody_trusts(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=implicit)
    tls = Tls.IMPLICIT if implicit else Tls.REQUIRED
    check = trouble(visited(port, tls), Trouble.CERTIFICATE_NOT_TRUSTED)
    assert check.name == "mail certificate"
    assert "SSL_CERT_FILE" in check.advice


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_of_another_name(
    implicit: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, implicit=implicit)
    tls = Tls.IMPLICIT if implicit else Tls.REQUIRED
    trouble(visited(port, tls, host="127.0.0.1"), Trouble.CERTIFICATE_OF_ANOTHER)


def test_a_certificate_that_has_run_out(
    serve: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, key, request = (str(tmp_path / name) for name in ("old.pem", "key.pem", "request.pem"))
    names = tmp_path / "names"
    names.write_text("subjectAltName=DNS:localhost", encoding="utf-8")
    for words in (
        [
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            key,
            "-out",
            request,
        ],
        ["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-extfile", str(names), "-out", old],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", old)
    check = trouble(visited(serve(Handler(), (old, key)), Tls.REQUIRED), Trouble.CERTIFICATE_EXPIRED)
    assert "run out" in check.finding


@pytest.mark.parametrize(("days", "state"), [(90, "good"), (8, "good"), (6, "warning"), (0, "warning")])
def test_a_certificate_that_nears_its_end(days: int, state: str) -> None:
    assert judge_certificate(NOW + timedelta(days=days, hours=1), NOW).state == state


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("user", "password"), [("me@example.org", "wrong"), ("you", "s3cret/+")])
def test_a_wrong_password(
    user: str, password: str, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    port = serve(Handler(), certificate, authenticator=check_password)
    visit_and_checks = visited(port, Tls.REQUIRED, user=user, password=password)
    check = trouble(visit_and_checks, Trouble.LOGIN_REFUSED)
    assert "app password" in check.advice
    assert password not in repr(visit_and_checks[1])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("coded", [False, True])
def test_a_server_that_repeats_the_password_is_not_quoted(
    coded: bool, serve: Callable[..., int], certificate: tuple[Path, Path]
) -> None:
    class Parrot(Handler):
        async def auth_PLAIN(self, _server: SMTP, _arguments: list[str]) -> AuthResult:  # noqa: N802
            told = base64.b64encode(b"s3cret/+").decode() if coded else "s3cret/+"
            return AuthResult(success=False, handled=False, message=f"535 5.7.8 {told} is wrong")

        async def auth_LOGIN(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
            return await self.auth_PLAIN(server, arguments)

    port = serve(Parrot(), certificate, authenticator=check_password)
    found, checks = visited(port, Tls.REQUIRED, user="me", password="s3cret/+")
    assert found.trouble is Trouble.LOGIN_REFUSED
    assert "not shown" in checks[-1].finding
    assert "s3cret" not in repr(checks)
    assert base64.b64encode(b"s3cret/+").decode() not in repr(checks)


@pytest.mark.usefixtures("trusted")
def test_a_server_without_login(serve: Callable[..., int], certificate: tuple[Path, Path]) -> None:
    port = serve(
        Handler(), certificate, auth_exclude_mechanism=["LOGIN", "PLAIN"], authenticator=check_password
    )
    trouble(visited(port, Tls.REQUIRED, user="me", password="x"), Trouble.LOGIN_NOT_OFFERED)


@pytest.mark.usefixtures("trusted")
def test_a_password_that_is_not_ascii(serve: Callable[..., int], certificate: tuple[Path, Path]) -> None:
    port = serve(Handler(), certificate, authenticator=check_password)
    trouble(visited(port, Tls.REQUIRED, user="me", password="geheimnißvoll"), Trouble.LOGIN_NOT_ASCII)


@pytest.mark.parametrize(
    ("answer", "state", "advice"),
    [
        ("550 5.7.1 not your address", "bad", "DIGEST_SENDER"),
        ("530 5.7.0 authenticate first", "bad", "DIGEST_MAIL_URL"),
        ("451 4.3.0 later", "warning", "later"),
        ("250 2.1.0 fine", "good", ""),
    ],
)
def test_what_the_server_says_to_our_sender(
    answer: str, state: str, advice: str, serve: Callable[..., int]
) -> None:
    handler = Handler()
    handler.mail = answer
    _, checks = visited(serve(handler))
    (check,) = [check for check in checks if check.name == "mail sender"]
    assert check.state == state
    assert advice in check.advice
    assert handler.taken == []


def test_a_sender_that_is_none_is_not_offered(serve: Callable[..., int]) -> None:
    found = visit(Server("127.0.0.1", serve(Handler()), Tls.NONE, timeout_seconds=5), "a@b>\r\nRCPT TO:<c@d")
    assert found.trouble is None
    assert found.sender_answer is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([SILENCE, SILENCE, SILENCE], Trouble.SILENT),
        ([b"", b"", b"", b""], Trouble.HUNG_UP),
        ([b"", b"554 5.7.1 your address is on a list"], Trouble.NOT_WELCOME),
        ([b"", b"421 4.3.2 too many connections"], Trouble.BUSY),
        ([b"", b"HTTP/1.1 400 Bad Request"], Trouble.NOT_MAIL),
        ([b"", b"220 ready", b"550 who are you", b"550 who are you"], Trouble.NOT_WELCOME),
        ([b"", b"220 ready"], Trouble.HUNG_UP),
        ([b"", b"220 ready", SILENCE], Trouble.SILENT),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"454 not now"], Trouble.BUSY),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"503 no"], Trouble.TLS_BROKEN),
        ([b"", b"220 ready", b"250-me\r\n250 STARTTLS", b"220 go", b"no TLS"], Trouble.TLS_BROKEN),
    ],
)
def test_servers_of_bad_manners(
    said: list[bytes], kind: Trouble, scripted: Callable[[list[bytes]], int]
) -> None:
    told = trouble(visited(scripted(said), Tls.OFFERED, seconds=1), kind)
    assert told.state == ("warning" if kind is Trouble.BUSY else "bad")


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=300))
def test_whatever_a_server_says_makes_a_check(said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        for _ in range(3):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(said)

    thread = threading.Thread(target=talk)
    thread.start()
    _, checks = visited(listener.getsockname()[1], Tls.OFFERED, host="127.0.0.1", seconds=0.2)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    assert checks
    assert all(line.isprintable() for check in checks for line in lines(check))


@pytest.mark.parametrize(
    ("features", "state", "finding"),
    [
        ({}, "good", "The server offers nothing beyond plain SMTP."),
        ({"size": "0", "pipelining": ""}, "good", "The server offers PIPELINING."),
        ({"size": "what", "8bitmime": ""}, "good", "The server offers 8BITMIME."),
        ({"size": "102400"}, "warning", "The server offers mails up to 100 kB."),
        ({"size": "52428800"}, "good", "The server offers mails up to 50.0 MB."),
    ],
)
def test_what_a_server_can_do(features: dict[str, str], state: str, finding: str) -> None:
    check = judge_features(features)
    assert (check.state, check.finding) == (state, finding)


def test_a_long_answer_is_cut() -> None:
    check = judge_sender_answer("a@b.example", Answer(550, "no " * 1000))
    assert len(check.finding) < 400


# The sender's domain

Zone = dict[str, list[str] | None]


@pytest.fixture
def resolve() -> Iterator[Callable[[Zone], dns.resolver.Resolver]]:
    """Start name servers that know TXT records by name; None has no records, a name not listed does not exist."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(zone: Zone, question: bytes) -> bytes:
        query = dns.message.from_wire(question)
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name
        texts = zone.get(name.to_text(omit_final_dot=True), [])
        if texts == []:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts is not None:
            quoted = [" ".join(f'"{piece}"' for piece in one.split("|")) for one in texts]
            response.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", quoted))
        return response.to_wire()

    def run(listener: socket.socket, zone: Zone) -> None:
        while True:
            question, asker = listener.recvfrom(4096)
            if not question:
                return
            listener.sendto(answer(zone, question), asker)

    def start(zone: Zone) -> dns.resolver.Resolver:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        sockets.append(listener)
        threads.append(threading.Thread(target=run, args=(listener, zone)))
        threads[-1].start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = listener.getsockname()[1]
        return resolver

    yield start
    for listener, thread in zip(sockets, threads, strict=True):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listener.getsockname())
        thread.join(10)
        listener.close()


def test_a_domain_that_vouches_for_its_mail(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    resolver = resolve(
        {
            "news.papers.ac": ["other=thing", "v=spf1 include:mail.example.|org -all"],
            "_dmarc.papers.ac": ["v=DMARC1; p=quarantine"],
        }
    )
    spf, dmarc = examine_sender_domain("news.papers.ac", resolver)
    assert (spf.state, dmarc.state) == ("good", "good")
    assert "include:mail.example.org -all" in spf.finding
    assert dmarc.finding == "_dmarc.papers.ac says v=DMARC1; p=quarantine"


def test_a_domain_that_vouches_for_nothing(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    checks = examine_sender_domain("papers.ac", resolve({"papers.ac": None}))
    assert [(check.name, check.state) for check in checks] == [("SPF", "warning"), ("DMARC", "warning")]


def test_a_domain_that_does_not_exist(resolve: Callable[[Zone], dns.resolver.Resolver]) -> None:
    (check,) = examine_sender_domain("papers.ac", resolve({}))
    assert check.state == "bad"
    assert "does not exist" in check.finding


def test_without_a_network_the_dns_is_a_warning() -> None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = closed_port()
    resolver.lifetime = 0.3
    (check,) = examine_sender_domain("papers.ac", resolver)
    assert check.state == "warning"
    assert "could not be looked up" in check.finding


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (("v=spf1 -all",), "good"),
        (("v=spf1 mx ~all", "v=spf1 -all"), "bad"),
        (("v=spf1 +all",), "warning"),
        (("V=SPF1 ALL",), "warning"),
        (("v=spf10 -all",), "warning"),
        ((), "warning"),
    ],
)
def test_spf(texts: tuple[str, ...], state: str) -> None:
    assert judge_spf(Lookup("papers.ac", "answered", texts)).state == state


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (("v=DMARC1;p=none",), "good"),
        (("v=DMARC1; p=none", "v=DMARC1; p=reject"), "bad"),
        (("v=DMARC1; p=reject; psd=y",), "warning"),
        (("v=DMARC2; p=none",), "warning"),
        ((), "warning"),
    ],
)
def test_dmarc(texts: tuple[str, ...], state: str) -> None:
    assert judge_dmarc("papers.ac", [Lookup("_dmarc.papers.ac", "answered", texts)]).state == state


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=60))
def test_dmarc_is_looked_for_upwards_eight_times_at_most(labels: list[str]) -> None:
    names = dmarc_names(".".join(labels))
    assert names[0] == f"_dmarc.{'.'.join(labels)}"
    assert len(names) <= 8
    assert names[-1] == f"_dmarc.{'.'.join(labels[-2:])}"


# Feeds


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def asking(feeds: FeedServer) -> Settings:
    return Settings(
        sources=("huggingface", "arxiv"),
        huggingface_url=feeds.address,
        arxiv_rss_url=feeds.address,
        arxiv_categories=("cs.AI",),
        arxiv_pause=timedelta(0),
        fetch_timeout=timedelta(seconds=5),
        contact="me@papers.ac",
    )


def test_each_feed_is_asked_once_and_says_what_came(feeds: FeedServer) -> None:
    item = {"paper": {"id": "2603.01234", "title": "A title", "summary": "An abstract.", "upvotes": 3}}
    feeds.serve("/api/daily_papers", Reply(json.dumps([item, {"paper": {}}, *[item] * 20]).encode()))
    feeds.serve("/atom/cs.AI", Reply(status=503))
    first, second = examine_feeds(asking(feeds), "1.0", (), NOW)
    assert (first.state, second.state) == ("good", "bad")
    assert first.finding == f"It shows 21 papers, the newest of {TODAY}."
    assert "503" in second.finding
    assert len(feeds.requests) == 2
    assert "me@papers.ac" in feeds.requests[0].headers["User-Agent"]


@pytest.mark.parametrize(
    ("sample", "is_quiet", "state"),
    [
        (Sample("arxiv", TODAY, papers=80), False, "good"),
        (Sample("arxiv", TODAY, papers=80, rejected=2, rejection="entry 3: no title"), False, "good"),
        (Sample("arxiv", TODAY, papers=80, rejected=20, rejection="entry 3: no title"), False, "warning"),
        (Sample("arxiv", TODAY, papers=80, error="It broke off."), False, "warning"),
        (Sample("arxiv", TODAY, error="It is down."), False, "bad"),
        (Sample("arxiv", TODAY), False, "warning"),
        (Sample("arxiv", TODAY), True, "good"),
    ],
)
def test_what_a_feed_showed(sample: Sample, is_quiet: bool, state: str) -> None:
    assert judge_sample(sample, is_quiet=is_quiet).state == state


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    application = typer.Typer(pretty_exceptions_enable=False)
    application.command()(doctor)

    def run(*words: str, **wanted: str) -> Result:
        for name, value in wanted.items():
            monkeypatch.setenv(f"DIGEST_{name.upper()}", value)
        return CliRunner().invoke(application, words)

    return run


def test_a_new_installation_learns_what_to_do_first(run: Callable[..., Result]) -> None:
    result = run()
    assert result.exit_code == 2
    assert (
        "✗ database: There is no database at digest.db yet.\n    Create it with: digest init\n"
        in result.stdout
    )
    assert "! contact:" in result.stdout
    assert list(Path().iterdir()) == []


def test_a_sound_installation_exits_with_0(run: Callable[..., Result], sqlite_url: str) -> None:
    now = datetime.now(UTC)
    database = Database(sqlite_url)
    with database.begin() as connection:
        ahead = now.date() + timedelta(days=1)
        connection.execute(insert(papers), [a_paper(ahead - timedelta(days=back)) for back in range(12)])
        connection.execute(insert(subscribers), [a_reader(1, now + timedelta(hours=1))])
        number = fetch_store.begin_fetch(connection, "arxiv", now)
        fetch_store.end_fetch(connection, number, FetchOutcome("complete", seen=3), now)
    database.close()
    wanted = {
        "database_url": sqlite_url,
        "contact": "me@papers.ac",
        "sources": "arxiv",
        "mail_url": "file:out",
    }
    result = run(**wanted)
    assert (result.exit_code, "\n!" in result.stdout) == (0, False), result.output
    as_json = json.loads(run("--json", **wanted).stdout)
    assert {check["state"] for check in as_json} == {"good"}
    assert {"name", "state", "finding", "advice"} == set(as_json[0])


def test_settings_that_can_not_be_read_are_a_check_too(run: Callable[..., Result]) -> None:
    result = run("--json", sources="nature")
    assert result.exit_code == 2
    (check,) = json.loads(result.stdout)
    assert (check["name"], check["state"]) == ("settings", "bad")
    assert "DIGEST_SOURCES" in check["finding"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "postgresql://me:s3cret@host:s3cret/db"),
        ("database_url", "mysql://me:s3cret@host/db"),
        ("database_url", "postgresql+nothing://me:s3cret@host/db"),
        ("database_url", "postgresql://me:s3cret@127.0.0.1:1/db"),
        ("database_url", "s3cret"),
        ("mail_url", "smtp://me:s3c/s3cret@host"),
        ("mail_url", "s3cret"),
        ("mail_url", "maildir:~s3cret/outbox"),
        ("broker_url", "redis://me:s3cret/@host:x"),
        ("secret_key", "s3cret"),
        ("holidays", "s3cret"),
    ],
)
def test_no_setting_makes_a_traceback_or_shows_a_secret(
    run: Callable[..., Result], sqlite_url: str, name: str, value: str
) -> None:
    result = run(**{"database_url": sqlite_url, name: value})
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "s3cret" not in result.output.replace("~s3cret", "")


def test_an_unreadable_env_file_is_a_check(run: Callable[..., Result]) -> None:
    Path(".env").write_bytes(b"DIGEST_CONTACT=\xff\xfe\n")
    result = run()
    assert result.exit_code == 2
    assert ".env" in result.stdout


@pytest.mark.usefixtures("trusted")
def test_the_mail_server_is_visited_on_request_only(
    run: Callable[..., Result], serve: Callable[..., int], certificate: tuple[Path, Path], sqlite_url: str
) -> None:
    handler = Handler()
    logins: list[object] = []

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        logins.append(data)
        return AuthResult(success=True)

    port = serve(handler, certificate, authenticator=check)
    wanted = {
        "database_url": sqlite_url,
        "mail_url": f"smtp://me:s3cret%2F%2B@localhost:{port}",
        "sender": "digest@localhost",
    }
    result = run(**wanted)
    assert "digest doctor --mail" in result.stdout
    assert handler.connections == 0
    result = run("--mail", **wanted)
    assert "✓ mail login" in result.stdout, result.stdout
    assert logins == [LoginPassword(b"me", b"s3cret/+")]
    assert "✓ mail sender: The server takes mail from digest@localhost." in result.stdout
    assert "s3cret" not in result.output
    assert handler.taken == []


def test_a_pipe_of_another_alphabet_gets_plain_signs(tmp_path: Path) -> None:
    program = "import typer; from digest.cli.doctor import doctor; typer.run(doctor)"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.returncode == 2
    assert b"x database: " in found.stdout
    assert found.stderr == b""
