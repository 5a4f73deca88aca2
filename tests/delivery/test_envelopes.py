"""What a mail server is given: a return path of each delivery, signatures, and headers of the mail."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_due
from digest.delivery.send import POLICY_DOMAINS
from digest.domain.delivery import Stream
from digest.errors import PolicyRefused, TryLater
from digest.mail.dkim import DkimKey, Signer
from digest.mail.dkim_keys import make_key
from digest.mail.envelope import Envelope
from digest.mail.file_transports import MemoryTransport
from digest.mail.return_path import is_genuine, read_return_path
from digest.settings import Settings
from digest.store.circuit_breakers import open_circuits
from digest.store.database import Database
from digest.wiring import Container
from tests.factories import (
    IMPRINT,
    SECRET,
    TUESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
    one_delivery,
    rebuilt,
    sent_to,
)

Send = Callable[[Envelope], str]
MAILBOX = "bounces@papers.example.org"
POLICY = "The mail server refuses mail by its policy (550 5.7.1 no): ask who runs it."


@pytest.fixture
def key(tmp_path: Path) -> DkimKey:
    return make_key("papers.example.org", "s1", "ed25519", tmp_path / "dkim")[0]


def test_a_digest_comes_from_its_own_return_path_and_is_signed(database: Database, key: DkimKey) -> None:
    add_papers(database, *make_papers(3))
    ana = add_subscriber(database)
    transport = MemoryTransport()
    imprint = replace(IMPRINT, return_path=MAILBOX, dkim_selectors=("s1",))
    context = replace(delivery_context(database, transport), imprint=imprint, signer=Signer([key]))
    deliver_due(context, at(TUESDAY))
    (envelope,) = transport.envelopes
    row = one_delivery(database, ana)
    found = read_return_path(envelope.sender, MAILBOX)
    assert found is not None
    assert found.delivery_id == row.id
    assert is_genuine(found, ana.key, SECRET)
    head, _, _ = envelope.content.partition(b"\r\n\r\n")
    assert head.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    assert b"\r\nFeedback-ID: 20260303:digest:papers:" in head
    assert f"\r\nX-Entity-Ref-ID: {row.message_id.strip('<>')}\r\n".encode() in head + b"\r\n"
    # Below the signature it is the mail that the delivery recorded.
    assert envelope.content.endswith(rebuilt(database, row.id))


def test_a_retry_after_the_key_changed_sends_the_same_bytes(
    database: Database, key: DkimKey, tmp_path: Path
) -> None:
    add_papers(database, *make_papers(3))
    add_subscriber(database)
    tries: list[Envelope] = []

    def interfere(envelope: Envelope, send: Send) -> str:
        tries.append(envelope)
        if len(tries) == 1:
            raise TryLater("The mail server asks to wait: 451 4.3.0 busy.")
        return send(envelope)

    imprint = replace(IMPRINT, return_path=MAILBOX, dkim_selectors=("s1",))
    context = replace(
        delivery_context(database, Interposed(interfere)), imprint=imprint, signer=Signer([key])
    )
    clock = Clock(at(TUESDAY))
    deliver_due(context, clock.now)
    new = make_key("papers.example.org", "s2", "ed25519", tmp_path / "dkim")[0]
    changed = replace(context, imprint=replace(imprint, dkim_selectors=("s2",)), signer=Signer([new, key]))
    clock.advance(hours=1)
    deliver_ready(changed, clock)
    assert len(tries) == 2
    assert tries[0] == tries[1]


def test_one_recipient_refused_by_policy_stops_nobody(database: Database) -> None:
    add_papers(database, *make_papers(3))
    for number in range(5):
        add_subscriber(database, f"s{number}@host{number}.example.net")
    refused: list[str] = []

    def interfere(envelope: Envelope, send: Send) -> str:
        if envelope.recipient.startswith("s0@"):
            refused.append(envelope.recipient)
            raise PolicyRefused(POLICY)
        return send(envelope)

    transport = Interposed(interfere)
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert (summary.sent, len(refused), summary.stopped) == (4, 1, "")
    assert len(sent_to(transport.memory)) == 4


def test_refusals_by_policy_of_several_domains_stop_the_run(database: Database) -> None:
    add_papers(database, *make_papers(3))
    for number in range(POLICY_DOMAINS + 3):
        add_subscriber(database, f"s{number}@host{number}.example.net")
    refused: list[str] = []

    def interfere(envelope: Envelope, _: Send) -> str:
        refused.append(envelope.recipient)
        raise PolicyRefused(POLICY)

    context = delivery_context(database, Interposed(interfere))
    plan_due(database, at(TUESDAY))
    summary = deliver_ready(context, lambda: at(TUESDAY))
    assert len(refused) == POLICY_DOMAINS
    assert summary.stopped == POLICY
    with database.read() as connection:
        assert [circuit.name for circuit in open_circuits(connection)] == [f"mail {Stream.DIGEST}"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(), "localhost"),
        (Settings(base_url="https://papers.example.org:8443"), "papers.example.org"),
        (Settings(ehlo_name="mail.example.org"), "mail.example.org"),
    ],
)
def test_mail_servers_are_told_a_name_of_ours(settings: Settings, name: str) -> None:
    assert Container(settings, lambda: at(TUESDAY)).ehlo_name == name
