"""Four faults from start to end: `status`, `doctor` and the alarm name the cause, and after the fix all goes on by itself.

Real: the command `digest run`, the database, the feed's server, the mail server with its password, the web server
that gets the alarms, and the full disk. Only the clock is set.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes
from pathlib import Path
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from digest.cli.status import plain_lines
from digest.doctor.check import State, lines
from digest.doctor.run_checks import examine
from digest.errors import StopRun
from digest.jobs.restore import reconcile
from digest.settings import read_settings
from digest.status.gather import gather
from digest.status.judge import judge
from digest.store.backups import back_up
from digest.store.database import Database
from digest.wiring import Container
from tests.cli.shell import Answer, Shell, placed
from tests.factories import (
    BASE_URL,
    DAY,
    FRIDAY,
    MONDAY,
    SECRET,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_subscriber,
    at,
    make_paper,
)
from tests.mail.servers import Handler
from tests.papers import samples
from tests.papers.feed_server import FeedServer, Reply
from tests.status.conftest import Hook

pytestmark = pytest.mark.usefixtures("trusted")

SUBSCRIBERS = ("ana@example.org", "bo@example.org")
SUBJECTS = ("splats", "robots", "speech", "proteins")


@dataclass
class MailServer(Handler):
    """A mail server that accepts mail after a login only."""

    password: str = "the first password"

    def __post_init__(self) -> None:
        super().__init__()

    def check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password.decode() == self.password, handled=False)


@dataclass
class Service:
    """An installation that cron runs, and everything around it."""

    folder: Path
    feeds: FeedServer
    mail: MailServer
    mail_port: int
    hook: Hook
    clock: Clock
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {
            "DIGEST_DATABASE_URL": f"sqlite:///{self.file}",
            "DIGEST_SOURCES": "arxiv",
            "DIGEST_ARXIV_CATEGORIES": "cs.CV",
            "DIGEST_ARXIV_RSS_URL": self.feeds.address,
            "DIGEST_ARXIV_PAUSE": "0s",
            "DIGEST_FETCH_TRIES": "1",
            "DIGEST_BASE_URL": BASE_URL,
            "DIGEST_SENDER": "Trending papers <digest@localhost>",
            "DIGEST_SECRET_KEY": SECRET.decode(),
            "DIGEST_ALARM": self.hook.url,
        }
        self.log_in_with(self.mail.password)
        with self.database() as database:
            for address in SUBSCRIBERS:
                add_subscriber(database, address)

    @property
    def file(self) -> Path:
        return self.folder / "digest.db"

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(f"sqlite:///{self.file}")
        yield database
        database.close()

    def log_in_with(self, password: str) -> None:
        self.environment["DIGEST_MAIL_URL"] = f"smtp://papers:{quote(password)}@localhost:{self.mail_port}"

    def announce(self, day: date) -> None:
        """Let the feed hold the papers of a day; those of the day before are gone."""
        papers = [
            make_paper(100 * day.day + number, SUBJECTS[(day.day + number) % 4], announced_on=day)
            for number in range(2)
        ]
        entries = [
            samples.atom_entry(paper.id, title=paper.title, abstract=paper.abstract).replace(
                "2026-03-03T00:00", f"{day}T00:00"
            )
            for paper in papers
        ]
        self.feeds.serve("/atom/cs.CV", Reply(samples.atom_feed(*entries).encode()))

    def run(self, hours: float = 1) -> Answer:
        """Run the daily job, an hour later by default."""
        self.clock.advance(hours=hours)
        return Shell(self.folder, self.environment).tries("run", "--now", self.clock().isoformat())

    def good_day(self, day: date) -> None:
        self.clock.now = at(day, 7)
        self.announce(day)
        answer = self.run()
        assert (answer.code, answer.lines[-1]) == (0, "2 planned, 2 sent."), answer

    @contextmanager
    def container(self) -> Iterator[Container]:
        with placed(self.folder, (), self.environment):
            container = Container(read_settings(), self.clock)
            yield container
            container.close()

    def status(self) -> list[str]:
        """Return the lines of `digest status`, the verdict first."""
        with self.container() as container:
            facts = gather(container)
            return plain_lines(facts, judge(facts))

    def doctor(self, *, mail: bool = False) -> list[str]:
        """Return the findings of `digest doctor` that are not good."""
        with self.container() as container:
            checks = list(examine(lambda: nullcontext(container), mail=mail))
        # The settings of a test are not those of a public service.
        usual = {"sender", "contact", "holidays", "secret key", "one-click"}
        return [lines(one)[0] for one in checks if one.state is not State.GOOD and one.name not in usual]

    def alarms(self) -> list[tuple[list[str], list[str]]]:
        """Return what the operator was told: what turned bad, and what is good again."""
        return [(body["bad"], body["good"]) for body in self.hook.bodies]

    def received(self) -> list[tuple[str, str]]:
        """Return recipient and Message-ID of every mail; assert that nobody got one twice, nor two in an edition."""
        found = []
        for envelope in self.mail.accepted:
            assert isinstance(envelope.content, bytes)
            found.append((envelope.rcpt_tos[0], str(message_from_bytes(envelope.content)["Message-ID"])))
        assert len(set(found)) == len(found)
        return found

    def assert_healed(self, name: str) -> None:
        """Assert that one message said what is bad and one that it is good, and that all is good now."""
        assert self.alarms() == [([name], []), ([], [name])]
        assert self.status()[0] == "Everything is all right."
        assert self.doctor(mail=True) == []


@pytest.fixture
def service(
    sqlite_url: str,
    tmp_path: Path,
    feeds: FeedServer,
    serve: Callable[..., int],
    certificate: tuple[Path, Path],
    hook: Hook,
) -> Service:
    assert sqlite_url.endswith(str(tmp_path / "digest.db"))
    mail = MailServer()
    port = serve(mail, certificate, authenticator=mail.check, auth_required=True)
    return Service(tmp_path, feeds, mail, port, hook, Clock(at(MONDAY)))


def test_the_feed_is_late(service: Service) -> None:
    service.good_day(TUESDAY)
    # The feed keeps Tuesday's papers for two days. The digests wait, then this edition is skipped.
    for day in (WEDNESDAY, THURSDAY):
        service.clock.now = at(day, 7)
        assert "2 waiting (late feed: 2)" in service.run(hours=0).out
        assert "2 skipped (late feed: 2)" in service.run(hours=6).out
        if day == WEDNESDAY:
            assert service.status()[1].startswith(
                "! feed arxiv: late: the announcement of 2026-03-04 has been due for"
            )
            assert service.alarms() == []
    cause = "feed arxiv: late: 2 announcements are missing; the newest is of 2026-03-03."
    assert service.status()[:2] == [
        "1 fault: mails are at risk until this is solved.",
        f"✗ {cause}",
    ]
    assert "2 announcements since then did not arrive" in " ".join(service.doctor())
    assert f"BAD {cause}" in service.hook.bodies[0]["text"]
    service.good_day(FRIDAY)
    assert len(service.received()) == 4
    service.assert_healed("feed arxiv")


def test_the_password_of_the_mail_server_was_changed(service: Service) -> None:
    service.good_day(TUESDAY)
    service.mail.password = "the second password"
    service.clock.now = at(WEDNESDAY, 7)
    service.announce(WEDNESDAY)
    for _ in range(2):
        answer = service.run()
        assert (answer.code, "user or password" in answer.err) == (2, True), answer
    (told,) = service.hook.bodies
    name = told["bad"][0]
    verdict, cause, *_ = service.status()
    assert verdict.startswith("1 fault")
    assert cause.startswith(f"✗ {name}: open for 60 minutes (")
    assert "user or password" in cause
    assert any("user or password" in line or "login" in line.lower() for line in service.doctor(mail=True))
    assert "user or password" in told["text"].splitlines()[0 if told["text"].startswith("BAD") else 1]
    service.log_in_with("the second password")
    assert service.run().code == 0
    assert len(service.received()) == 4
    service.assert_healed(name)


def test_the_database_was_restored_from_last_week(service: Service) -> None:
    service.good_day(MONDAY - 4 * DAY)
    with service.database() as database:
        back_up(database, service.folder / "last-week.backup")
    for day in (TUESDAY, WEDNESDAY):
        service.good_day(day)
    shutil.copy(service.folder / "last-week.backup", service.file)
    before = service.received()
    service.clock.now = at(WEDNESDAY, 9)
    for _ in range(2):
        answer = service.run()
        assert answer.code == 2
        assert "it was rolled back. Nothing is sent until you run: digest db reconcile" in answer.error
    cause = "ledger: Mails were sent until 2026-03-04 08:00 UTC; according to the database, until 2026-02-26 08:00 UTC:"
    assert any(line.startswith(f"✗ {cause}") for line in service.status()[:3])
    assert any(line.startswith(f"✗ {cause}") for line in service.doctor())
    assert f"BAD {cause}" in service.hook.bodies[0]["text"]
    assert service.received() == before
    with service.container() as container:
        reconcile(container, ())
    assert service.run().code == 0
    assert service.received() == before
    service.good_day(THURSDAY)
    assert len(service.received()) == len(before) + 2


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of 240 MB, on which a database has enough space."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=240m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill_disk(folder: Path) -> None:
    """Write a file, until the disk has no space left."""
    with (folder / "filling").open("ab", buffering=0) as out:
        if free := shutil.disk_usage(folder).free:
            os.posix_fallocate(out.fileno(), out.tell(), free)
    assert shutil.disk_usage(folder).free == 0


def test_the_disk_is_full(service: Service) -> None:
    with small_disk(service.folder / "disk") as disk:
        shutil.move(service.file, disk)
        service.folder = disk
        service.environment["DIGEST_DATABASE_URL"] = f"sqlite:///{service.file}"
        service.good_day(TUESDAY)
        fill_disk(disk)
        service.clock.now = at(WEDNESDAY, 7)
        service.announce(WEDNESDAY)
        full = f"The disk of {service.file} is full"
        for first in (True, False):
            answer = service.run()
            assert (answer.code, full in answer.err) == (2, True), answer
            if first:
                # The space that was given up for the alarm is free until another program takes it.
                assert re.match(r"✗ disk: [\d,]+ kB free for the database \(0%\)", service.status()[1])
            fill_disk(disk)
        with pytest.raises(StopRun, match=full):
            service.status()
        assert any(full in line for line in service.doctor())
        assert re.search(r"\nBAD disk: [\d,]+ kB free for the database", service.hook.bodies[0]["text"])
        assert len(service.received()) == 2
        (disk / "filling").unlink()
        assert service.run().code == 0
        assert len(service.received()) == 4
        service.assert_healed("disk")
