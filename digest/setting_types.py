"""The types of settings: how a value is written in the environment, and what is refused.

Each refuses a wrong value with a ValueError that says how to write it.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from digest.domain.categories import arxiv_category
from digest.domain.channel import AllowedService
from digest.errors import BadInput

_LIMIT = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
# Greedy: a password may contain an @.
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# The key that is added after a + needs 27 of the 64 characters before the @.
_MAILBOX = re.compile(r"[A-Za-z0-9._-]{1,37}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?")
SOURCE_NAMES = (
    "huggingface", "arxiv", "arxiv-oai", "arxiv-api", "biorxiv", "medrxiv", "openalex", "citations", "rss", "sample",
)  # fmt: skip
_FEED = re.compile(r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)=(?P<address>https?://[^/\s]+\S*)")
_LONGEST_FEED_NAME = 40


def _split_words(value: object) -> object:
    """Read a list that is written as `a,b c`."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


_SPAN = re.compile(r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(?P<unit>[smhd]?)")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def feed_addresses(rss_feeds: Iterable[str]) -> dict[str, str]:
    """Return the addresses of the feeds of DIGEST_RSS_FEEDS by their names."""
    return {name: address for name, _, address in (feed.partition("=") for feed in rss_feeds)}


def expanded(sources: Iterable[str], rss_feeds: Iterable[str]) -> tuple[str, ...]:
    """Return names of feeds with `rss:NAME` for each feed of DIGEST_RSS_FEEDS in place of `rss`."""
    feeds = [f"rss:{name}" for name in feed_addresses(rss_feeds)]
    named = (feeds if source == "rss" else [source] for source in sources)
    return tuple(dict.fromkeys(name for names in named for name in names))


def known_sources(names: tuple[str, ...], rss_feeds: Iterable[str]) -> tuple[str, ...]:
    """Return the names of feeds as `expanded` does. Raises ValueError for one that does not exist."""
    feeds = expanded(["rss"], rss_feeds)
    unknown = [name for name in names if name not in SOURCE_NAMES and name not in feeds]
    if unknown:
        raise ValueError(f"there is no feed {unknown[0]!r}; choose from {', '.join([*SOURCE_NAMES, *feeds])}")
    if "rss" in names and not feeds:
        raise ValueError("rss reads the feeds of DIGEST_RSS_FEEDS, which is empty")
    return expanded(names, rss_feeds)


def _read_span(value: object) -> object:
    """Read a time span like `30s`, `5m`, `20h` or `2d`; a bare number means seconds."""
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise ValueError("write a time like 30s, 5m, 20h or 2d")
    return _UNITS[match["unit"] or "s"] * float(match["number"])


def _plain_mailbox(value: str) -> str:
    if value and not _MAILBOX.fullmatch(value):
        raise ValueError("write an address without a name and without +, like bounces@papers.example.org")
    return value


def _host_name(value: str) -> str:
    if value and not _HOST.fullmatch(value):
        raise ValueError("write a host name, like mail.example.org")
    return value


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("write host:port, like 127.0.0.1:9464")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _secret_web_address(value: SecretStr) -> SecretStr:
    _web_address(value.get_secret_value())
    return value


def _named_feeds(value: tuple[str, ...]) -> tuple[str, ...]:
    for feed in value:
        match = _FEED.fullmatch(feed)
        if match is None or len(match["name"]) > _LONGEST_FEED_NAME:
            raise ValueError(
                f"{feed!r} is not a feed; write it like nature=https://www.nature.com/nature.rss"
            )
    return value


def _known_categories(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(map(arxiv_category, value))
    except BadInput as error:
        raise ValueError(str(error).rstrip(".")) from None


def _chat_services(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        for text in value:
            AllowedService.parse(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return value


def _mail_limits(value: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [limit for limit in value if not _LIMIT.fullmatch(limit)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not a limit; write it like 14/second or 50000/day")
    return value


Span = Annotated[timedelta, BeforeValidator(_read_span)]
WordList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]
FeedList = Annotated[WordList, AfterValidator(_named_feeds)]
CategoryList = Annotated[WordList, AfterValidator(_known_categories)]
ChatList = Annotated[WordList, AfterValidator(_chat_services)]
LimitList = Annotated[WordList, AfterValidator(_mail_limits)]
PlainMailbox = Annotated[str, AfterValidator(_plain_mailbox)]
HostName = Annotated[str, AfterValidator(_host_name)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_web_address)]


def as_written(value: object) -> str:
    """Return a value as it is written in the environment; secrets, and users in URLs, are masked."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(as_written(one) for one in value)
    if isinstance(value, timedelta):
        unit = next((unit for unit, length in _UNITS.items() if value >= length and not value % length), "s")
        return f"{value / _UNITS[unit]:g}{unit}"
    return _USER_INFO.sub(r"\1***@", str(value))
