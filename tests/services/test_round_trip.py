"""From a digest to what comes back, through Postfix and Dovecot: each report ends in the right state."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest

from digest.clock import utc_now
from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_due
from digest.jobs.inbound import InboundSummary, process_one, process_source
from digest.mail.dkim_keys import make_key, record_name, record_value
from digest.mail.inbound_listener import Listener
from digest.mail.inbound_sources import read_source
from digest.settings import Settings
from digest.store import inbound as inbound_store
from digest.wiring import Container
from tests.conftest import missing
from tests.factories import add_papers, add_subscriber, make_papers, subscriber_now
from tests.mail.inbound_shapes import arf, plain
from tests.services.mail_stack import AWAY_DOMAIN, MAILBOX_DOMAIN, SENDER_DOMAIN, MailStack

pytestmark = pytest.mark.services

SENDER = f"digest@{SENDER_DOMAIN}"
ANA, BO, CHI, FULL, NOBODY = (f"{user}@{MAILBOX_DOMAIN}" for user in ("ana", "bo", "chi", "full", "nobody"))
AWAY = f"dan@{AWAY_DOMAIN}"
GOOD = (ANA, BO, CHI, f"ada@{MAILBOX_DOMAIN}")
REPORTS_WITHIN_SECONDS = 60


@dataclass
class RoundTrip:
    """An installation with its mail servers, after every subscriber was sent a digest."""

    stack: MailStack
    container: Container
    records: dict[bytes, bytes]
    """The DNS records of the keys."""

    def outcomes(self) -> dict[tuple[str | None, str], str]:
        """Return what was done, by address and kind of report."""
        with self.container.database.read() as connection:
            found = inbound_store.find_reports(connection)
        return {(row.address, row.kind): row.outcome for row in found}

    def wait_for(self, holds: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + REPORTS_WITHIN_SECONDS
        while not holds():
            assert time.monotonic() < give_up_at, f"{self.outcomes()}\n{self.stack.log}"
            time.sleep(0.1)

    def status(self, address: str) -> str:
        return str(subscriber_now(self.container.database, address).status)


@pytest.fixture
def round_trip(sqlite_url: str, tmp_path: Path) -> Iterator[RoundTrip]:
    if not (shutil.which("postfix") and shutil.which("dovecot") and os.geteuid() == 0):
        missing("Postfix with Dovecot, or the right to start them,")
    keys = [make_key(SENDER_DOMAIN, kind, kind, tmp_path / "dkim") for kind in ("rsa", "ed25519")]
    stack = MailStack()
    container = Container(
        Settings(
            database_url=sqlite_url,
            mail_url=f"smtp://127.0.0.1:{stack.smtp_port}",
            base_url=f"https://{SENDER_DOMAIN}",
            sender=f"Trending papers <{SENDER}>",
            return_path=f"bounces@{SENDER_DOMAIN}",
            operator=f"Ada <{GOOD[-1]}>",
            secret_key="a secret of the tests",
            dkim_keys=tuple(f"{key.domain}:{key.selector}:{path}" for key, path in keys),
        ),
        utc_now,
    )
    # Both servers are on this machine, so a bounce can arrive before the acceptance of the other mails is recorded,
    # and the first hard bounce of an edition without accepted mails is only suspected.
    is_recorded = threading.Event()

    def process(content: bytes, recipient: str) -> object:
        is_recorded.wait(REPORTS_WITHIN_SECONDS)
        return process_one(container, content, recipient)

    listener = Listener(f"lmtp://127.0.0.1:{stack.listener_port}", process)
    listener.start()
    try:
        now = utc_now()
        add_papers(container.database, *make_papers(3, announced_on=now.date()), now=now)
        for address in (*GOOD, NOBODY, FULL, AWAY):
            add_subscriber(container.database, address, now=now, next_due_at=now)
        plan_due(container.database, now)
        summary = deliver_ready(container.delivery_context, utc_now)
        assert summary.sent == 7, (summary, stack.log)
        is_recorded.set()
        records = {f"{record_name(key)}.".encode(): record_value(key).encode() for key, _ in keys}
        yield RoundTrip(stack, container, records)
    finally:
        listener.stop()
        container.close()
        stack.stop()


def test_everything_that_comes_back_ends_in_the_right_state(round_trip: RoundTrip) -> None:
    stack = round_trip.stack
    round_trip.wait_for(lambda: all(stack.mails_of(user) for user in ("ana", "bo", "chi", "ada")))
    (bos,) = stack.mails_of("bo")
    head = bos.partition(b"\n\n")[0].decode()
    token = next(
        line.rpartition("unsubscribe%20")[2].partition(">")[0]
        for line in stack.mails_of("ana")[0].decode().splitlines()
        if "unsubscribe%20" in line
    )
    stack.send(ANA, SENDER, plain(f"unsubscribe {token}", "", sender=ANA))
    stack.send("", SENDER, arf("abuse", original=head.replace("\n", "\r\n")))
    stack.send(CHI, SENDER, plain("Re: Papers", "Thank you!", sender=CHI))
    stack.send("", SENDER, plain("Re: Papers", "Away.", "Auto-Submitted: auto-replied", sender=CHI))
    expected = {
        (NOBODY, "bounce"): "suppressed",
        (FULL, "bounce"): "counted",
        (AWAY, "bounce"): "counted",
        (ANA, "unsubscribe"): "unsubscribed",
        (BO, "complaint"): "suppressed",
        (None, "reply"): "forwarded",
        (None, "auto_reply"): "noted",
    }
    round_trip.wait_for(lambda: round_trip.outcomes() == expected)
    assert round_trip.status(NOBODY) == round_trip.status(BO) == "suppressed"
    assert round_trip.status(ANA) == "unsubscribed"
    assert {round_trip.status(address) for address in (CHI, FULL, AWAY)} == {"active"}
    # The reply reaches the operator.
    round_trip.wait_for(lambda: len(stack.mails_of("ada")) == 2)
    assert any(b"Thank you!" in mail for mail in stack.mails_of("ada"))
    # The signatures hold after both servers.
    delivered = stack.mails_of("chi")[0].replace(b"\n", b"\r\n")
    signed = dkim.DKIM(delivered)
    for number in range(2):
        assert signed.verify(idx=number, dnsfunc=lambda name, **_: round_trip.records.get(name))
    # The server was told our name.
    assert f"from {SENDER_DOMAIN} (" in head
    _read_over_imap(round_trip)


def _read_over_imap(round_trip: RoundTrip) -> None:
    """A mailbox is read over IMAP, and what was read is not read again."""
    source = f"imap://chi:hunter2@127.0.0.1:{round_trip.stack.imap_port}/INBOX"
    assert len(list(read_source(source))) == 1
    summary = InboundSummary()
    process_source(round_trip.container, source, summary)
    # It is a digest, which a program sent.
    assert (dict(summary.processed), summary.failed) == ({"noted": 1}, [])
    assert list(read_source(source)) == []
