"""Messages, parsed by the standard library."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.headerregistry import DateHeader
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import BadInput
from digest.mail.message import Message, digest_headers, message_id, transactional_headers

SINGLE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted")
LIST = (
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "List-Owner",
    "List-Archive",
    "List-Post",
)
LINES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"), max_size=200
)
TEXTS = st.lists(LINES | st.sampled_from([".", "--=_", "From here", "trailing "]), max_size=20).map("\n".join)


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


def test_a_digest_has_each_field_once(make_message: Callable[..., Message]) -> None:
    message = read(make_message().to_bytes())
    for name in (*SINGLE, *LIST):
        assert len(message.get_all(name, [])) == 1, name
    assert message["From"] == "Trending papers <digest@example.org>"
    assert message["To"] == "subscriber@example.net"
    assert message["Message-ID"] == "<digest.reader7.2025-11-22@example.org>"
    assert message["List-Id"] == "Trending papers <papers.example.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Owner"] == "<mailto:ada@example.org>"
    assert message["List-Post"] == "NO"
    assert message["Auto-Submitted"] == "auto-generated"
    date = message["Date"]
    assert isinstance(date, DateHeader)
    assert date.datetime == datetime(2025, 11, 22, 5, 30, tzinfo=UTC)


def test_list_unsubscribe_has_one_web_and_one_mail_address(make_message: Callable[..., Message]) -> None:
    targets = [
        target.strip(" <>") for target in str(read(make_message().to_bytes())["List-Unsubscribe"]).split(",")
    ]
    assert [urlsplit(target).scheme for target in targets] == ["https", "mailto"]


def test_text_comes_before_html_in_an_alternative(make_message: Callable[..., Message]) -> None:
    message = read(make_message(text="Grüße\n", html="<p>Gr&#252;&#223;e</p>\n").to_bytes())
    assert message.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "text/html"]
    assert [one.get_content_charset() for one in message.iter_parts()] == ["utf-8", "utf-8"]
    assert part(message, "plain") == "Grüße\n"
    assert part(message, "html") == "<p>Gr&#252;&#223;e</p>\n"


@given(subject=st.text(max_size=300), text=TEXTS, html=TEXTS, name=st.text(max_size=60))
def test_any_content_gives_a_well_formed_mail(
    make_message: Callable[..., Message], subject: str, text: str, html: str, name: str
) -> None:
    try:
        content = make_message(
            subject=subject, text=text, html=html, sender=f"{name} <digest@example.org>"
        ).to_bytes()
    except BadInput:
        return
    message = read(content)
    usual = {*read(make_message().to_bytes()).keys()}
    assert {*message.keys()} == usual | (set() if html else {"Content-Transfer-Encoding"})
    assert message["From"].addresses[0].addr_spec == "digest@example.org"
    assert part(message, "plain") == text.removesuffix("\n") + "\n"
    if html:
        assert part(message, "html") == html.removesuffix("\n") + "\n"
    else:
        assert message.get_content_type() == "text/plain"
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998


def test_equal_messages_have_equal_bytes(make_message: Callable[..., Message]) -> None:
    assert make_message().to_bytes() == make_message().to_bytes()
    assert make_message().to_bytes() != make_message(message_id="<digest.other@example.org>").to_bytes()


@pytest.mark.parametrize("field", ["sender", "recipient"])
@pytest.mark.parametrize(
    "value", ["x@example.org\r\nBcc: all@example.net", "x@example.org, y@example.org", ""]
)
def test_an_invalid_address_is_refused(make_message: Callable[..., Message], field: str, value: str) -> None:
    with pytest.raises(BadInput):
        make_message(**{field: value}).to_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "<a@b>\r\nBcc: all@example.net"},
        {"headers": (("X-Note", "a\r\nBcc: all@example.net"),)},
        {"headers": (("Subject", "twice"),)},
        {"headers": (("Bcc\r\nX", "a"),)},
    ],
)
def test_invalid_headers_are_refused(
    make_message: Callable[..., Message], changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="header"):
        make_message(**changes).to_bytes()


def test_the_date_is_written_in_utc(make_message: Callable[..., Message]) -> None:
    at = datetime(2025, 1, 1, 1, 2, 3, tzinfo=timezone(timedelta(hours=5)))
    assert b"\r\nDate: Tue, 31 Dec 2024 20:02:03 +0000\r\n" in make_message(date=at).to_bytes()


def test_a_transactional_mail_has_no_list_headers(make_message: Callable[..., Message]) -> None:
    message = read(make_message(headers=transactional_headers()).to_bytes())
    assert not [name for name in message if name.lower().startswith(("list-", "precedence"))]
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("key", ["", ".a", "a..b", "a b", "a@b", "a\n", "x" * 300, "é"])
def test_a_message_id_requires_safe_keys(key: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        message_id("digest", key, "example.org")


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "https://a.example/>,<mailto:x@y", "https://a b", "a\r\nb", ""]
)
def test_a_list_header_requires_complete_uris(uri: str) -> None:
    with pytest.raises(ValueError, match="list header"):
        digest_headers(
            list_id="papers.example.org",
            unsubscribe_url=uri,
            unsubscribe_mailto="mailto:digest@example.org",
            help_url="https://papers.example.org/",
        )
