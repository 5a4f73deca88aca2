"""A hostile paper, subscriber or row affects only itself; all others get their mail."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from digest.domain.paper import Paper
from digest.errors import BadInput
from digest.mail.file_transports import MemoryTransport
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.store.database import Database
from digest.store.models import subscribers
from tests.factories import (
    TUESDAY,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    delivery_context,
    make_paper,
    make_papers,
    one_delivery,
    rebuilt,
    received_by,
    sent_to,
    set_address,
)

HOSTILE = {
    "html": "<script>alert('gaussian')</script><img src=x onerror=alert(1)> splatting </p></td>",
    "templates": "{{ 7 * 191919 }} {% raw %} gaussian splatting {# x #} {% endraw %}",
    "tex": r"$\mathcal{O}(n^{\frac{1}{2}})$ \textbf{gaussian} splatting \input{/etc/passwd} \\ $$ } { \x",
    "right to left": "\u202egnittalps naissuag\u202c عربي gaussian splatting \u2067 عبرית",
    "zero width": "gaus\u200bsian\u200d splat\ufeffting \u2060 \u00ad",
    "emoji": "gaussian splatting 🤖👩‍👩‍👧‍👦🏳️‍🌈 \U0001f9ff",
    "line breaks": "gaussian splatting\r\nBcc: victim@example.org\r\n\r\nspam\x0b\x0c\u2028\u2029\x85 over",
    "control": "gaussian splatting \x00\x01\x07\x1b[31m\x7f",
    "lone surrogates": "gaussian splatting \ud800 \udfff",
    "long word": "gaussian splatting " + "x" * 900,
    "mime": "=?utf-8?q?gaussian?= splatting --=_ boundary\n.\n",
}


def hostile_paper(text: str, number: int = 7) -> Paper:
    return paper_from_feed(
        paper_id=f"2603.{number:05}",
        title=text,
        abstract=f"{text}\n  {text}",
        authors=(text[:900], "Ada Fern"),
        categories=("cs.CV", text),
        announced_on=TUESDAY,
        links={"code": f"https://example.org/{text}", "project": "javascript:alert(1)"},
    )


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def check_sound(content: bytes) -> None:
    """Assert that no text of a paper breaks the structure of the mail."""
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = parsed(content)
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        assert len(message.get_all(name, [])) == 1
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    text = message.get_body(("plain",))
    assert html is not None
    assert text is not None
    words = html.get_content()
    assert not re.search(r"<script|<img[^>]+onerror|javascript:", words, re.IGNORECASE)
    assert not re.search(r"[\x00-\x08\u202a-\u202e\u2066-\u2069\ud800-\udfff]", words + text.get_content())
    assert "1343433" not in words + text.get_content() + message["Subject"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_paper_breaks_no_mail(database: Database, kind: str) -> None:
    add_papers(database, hostile_paper(HOSTILE[kind]), *make_papers(5, first=20, subject="splats"), upvotes=3)
    taste = add_subscriber(database, "taste@example.org", topics=["gaussian splatting"], follow=["Ada Fern"])
    plain = add_subscriber(database, "plain@example.org")
    transport = MemoryTransport()
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert summary.sent == 2
    for envelope in transport.envelopes:
        check_sound(envelope.content)
    for subscriber in (taste, plain):
        assert "2603.00007" in received_by(database, subscriber)[TUESDAY]
        row = one_delivery(database, subscriber)
        assert rebuilt(database, row.id) in {envelope.content for envelope in transport.envelopes}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_interests_break_no_mail(database: Database, kind: str) -> None:
    add_papers(database, *make_papers(8, subject="splats"))
    text = HOSTILE[kind][:450]
    add_subscriber(database, "hostile@example.org", topics=[text], follow=[text], mute=[f"{text} nowhere"])
    add_subscriber(database, "plain@example.org")
    transport = MemoryTransport()
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert summary.sent + summary.skipped["nothing fits"] == 2
    assert "plain@example.org" in sent_to(transport)
    for envelope in transport.envelopes:
        check_sound(envelope.content)


def test_an_endless_title_is_refused_on_ingestion() -> None:
    with pytest.raises(BadInput, match="10,000 characters"):
        make_paper(title="x" * 10_000)


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@b@c", "x\r\nBcc: victim@example.org", "ünï@example.org", "a" * 400 + "@x.org"],
)
def test_an_invalid_address_in_the_table_affects_no_one_else(database: Database, address: str) -> None:
    add_papers(database, *make_papers(5))
    added = add_subscribers(database, 3)
    set_address(database, added[1], address)
    transport = MemoryTransport()
    summary = deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert sent_to(transport) == [added[0].address, added[2].address]
    assert dict(summary.failed) == {"no mail address": 1}
    row = one_delivery(database, added[1])
    assert (row.status, row.reason) == ("failed", "no mail address")
    assert row.smtp_answer


def test_an_unknown_time_zone_affects_no_one_else(database: Database) -> None:
    """Zones are added every few years; a machine with older zone data meets subscribers in new ones."""
    add_papers(database, *make_papers(5))
    added = add_subscribers(database, 3)
    with database.begin() as connection:
        statement = update(subscribers).where(subscribers.c.id == added[1].id)
        connection.execute(statement.values(timezone="Mars/Olympus_Mons"))
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(TUESDAY))
    assert sorted(sent_to(transport)) == [added[0].address, added[2].address]
