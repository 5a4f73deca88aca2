"""Classification of inbound mails: examples of the standards, the messages of flufl.bounce, and mangled ones."""

import ast
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from random import Random

import pytest

from digest.domain.inbound import PAUSE_AT, InboundKind, Severity, soft_score
from digest.mail.forwarding import forward
from digest.mail.inbound import classify, worst_failure
from tests.conftest import missing
from tests.factories import TUESDAY, at
from tests.mail.inbound_shapes import ANA, MESSAGE_ID, SHAPES, TOKEN, Shape, arf, dsn, failed, plain


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_a_mail_is_taken_for_what_it_is(shape: Shape) -> None:
    inbound = classify(shape.content)
    failure = worst_failure(inbound.failures, [ANA])
    assert inbound.kind == shape.kind
    assert (failure.severity if failure else None) == shape.severity
    assert (failure.status if failure else "") == shape.status
    assert failure is None or failure.recipient == ANA


@pytest.mark.parametrize("content", [dsn(failed("5.1.1")), arf("abuse")], ids=["bounce", "complaint"])
def test_what_names_the_mail_is_found_in_the_returned_part(content: bytes) -> None:
    found = classify(content, "bounces+2s-aaaaaaaaaaaa@papers.example.org").references
    assert "bounces+2s-aaaaaaaaaaaa@papers.example.org" in found.addresses
    assert MESSAGE_ID in found.message_ids
    assert TOKEN in found.tokens
    assert ANA in found.recipients


def test_a_returned_digest_about_full_mailboxes_is_no_evidence() -> None:
    """The titles of the mail that is returned are not words of the server."""
    failure = worst_failure(classify(dsn(failed("5.0.0"), original_type="message/rfc822")).failures)
    assert failure is not None
    assert failure.severity == Severity.SOFT


@pytest.mark.parametrize(
    ("editions", "score"),
    [
        ([], 0),
        ([True] * 5, 5),
        ([True] * 4 + [False], 3),
        ([True, False] * 20, 0),
        ([False] * 9 + [True] * 5, 5),
        ([True, True, True, False, True, True, True], 5),
    ],
)
def test_the_score_of_soft_bounces_decays(editions: list[bool], score: int) -> None:
    assert soft_score(editions) == score
    assert PAUSE_AT == 5


def test_a_reply_reaches_the_operator_whole() -> None:
    for content in (plain("Thanks & bye", "Hello.\r\n"), plain("Grüße", "ä" * 2000)):
        mail = forward(
            content,
            classify(content),
            sender="Papers <digest@papers.example.org>",
            operator="ada@example.org",
            message_id="<forward.1@papers.example.org>",
            now=at(TUESDAY),
        )
        assert mail.isascii()
        assert max(map(len, mail.splitlines())) <= 998
        read = message_from_bytes(mail)
        assert read["Reply-To"] == ANA
        attached = next(part for part in read.walk() if part.get_filename() == "mail.eml")
        payload = attached.get_payload(decode=True)
        inner = attached.get_payload()
        returned = payload if isinstance(payload, bytes) else inner[0].as_bytes()  # type: ignore[index, union-attr]
        assert returned.split() == content.split()
        # It must not be forwarded again, should it come back.
        assert classify(mail).kind == InboundKind.AUTO_REPLY


# The messages that flufl.bounce is tested with, in place.


def _archive() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "trending-papers"
    found = sorted(folder.glob("flufl_bounce-*.tar.gz"))
    if not found:
        missing(f"the source archive of flufl.bounce in {folder} (pip download --no-deps --no-binary :all:)")
    return found[-1]


def _samples() -> Iterator[tuple[str, set[tuple[str, bool]], bytes]]:
    """Yield name, failed recipients (address, whether temporary) and content of each message."""
    with tarfile.open(_archive()) as archive:
        files = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}

        def read(name: str) -> bytes:
            stream = archive.extractfile(files[name])
            assert stream is not None
            return stream.read()

        tree = ast.parse(read("test_detectors.py"))
        (table,) = (
            ast.literal_eval(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DETECTORS"
        )
        expected: dict[str, set[tuple[str, bool]]] = {}
        for _, name, addresses, is_temporary in table:
            expected.setdefault(name, set()).update((one.decode().lower(), is_temporary) for one in addresses)
        for name, failures in expected.items():
            yield name, failures, read(name)


@pytest.mark.services
def test_the_messages_of_flufl_bounce_are_classified() -> None:
    wrong, total = [], 0
    for name, expected, content in _samples():
        total += 1
        inbound = classify(content)
        found = {(one.recipient, not one.is_permanent) for one in inbound.failures}
        if not expected:
            # No detector of its table finds an address; nobody may be suppressed for it.
            is_right = all(one.severity != Severity.HARD for one in inbound.failures)
        else:
            is_right = found == expected and inbound.kind == InboundKind.BOUNCE
        if not is_right:
            wrong.append((name, sorted(expected), sorted(found)))
    assert total > 100
    assert len(wrong) <= total * 0.02, wrong


# Mangled mails.


def mutated(content: bytes, rng: Random) -> bytes:
    """Return a mail with a few bytes, lines or pieces changed, lost, doubled or moved."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.randint(0, 80))
        match rng.randrange(5):
            case 0:
                del data[start:end]
            case 1:
                data[start:start] = data[start:end]
            case 2:
                data[start:end] = rng.randbytes(rng.randint(0, 12))
            case 3:
                piece = bytes(data[start:end])
                del data[start:end]
                place = rng.randrange(len(data) + 1)
                data[place:place] = piece
            case _:
                data[start:start] = rng.choice(
                    [b"\r\n", b"\0", b"--b\r\n", b"=?utf-8?q?", b";", b"\xff", b"<>"]
                )
    return bytes(data)


def test_no_mangled_mail_raises_or_makes_a_hard_bounce_of_another() -> None:
    """A mail stays a hard bounce only while its text says so; no other mail becomes one."""
    rng = Random(1)
    kinds: Counter[str] = Counter()
    harmless = [shape for shape in SHAPES if shape.severity != Severity.HARD and b"5.1." not in shape.content]
    for number in range(10_000):
        shape = harmless[number % len(harmless)] if number % 2 else SHAPES[number % len(SHAPES)]
        content = mutated(shape.content, rng)
        inbound = classify(content)
        kinds[inbound.kind] += 1
        if shape in harmless:
            for failure in inbound.failures:
                # A digit that changes can make 5.1 of 5.0 or 5.7: then the status is the evidence.
                has_evidence = failure.status.startswith("5.1.") or failure.status == "5.2.1"
                says_so = re.search(rb"55[013]", content) is not None
                assert failure.severity != Severity.HARD or has_evidence or says_so, content
    assert set(kinds) == set(InboundKind)


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"\xff\xfe" * 500, b"From: \r\n" * 2000, b":" * 5000])
def test_rubbish_is_for_a_person(content: bytes) -> None:
    assert classify(content).kind in {InboundKind.REPLY, InboundKind.AUTO_REPLY}
