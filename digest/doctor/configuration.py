"""Checks whether the settings agree with each other and with the mail transport."""

import os
import re
from collections.abc import Collection
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from digest.doctor.check import Check, State, bad, good, quoted, warning
from digest.errors import BadInput
from digest.mail.addresses import read_address
from digest.mail.smtp_session import Server, is_loopback
from digest.papers.sources.configured import holidays_of
from digest.settings import Settings

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(DIGEST_\w+)\s*=", re.MULTILINE | re.IGNORECASE)
# Settings of the test suite, which may be set in a developer's environment.
_OTHERS = "DIGEST_TEST_"
_SHORTEST_KEY = 16
_FEWEST_CHARACTERS = 8
# A random key has none of these.
_EASY_WORDS = ("change", "secret", "password", "passwort", "example", "digest")
# Reserved names (RFC 2606, RFC 6762, RFC 8375) and names in use on local networks.
_NO_DOMAINS = (
    "localhost", "local", "localdomain", "internal", "lan", "home.arpa",
    "test", "invalid", "example", "example.com", "example.net", "example.org",
)  # fmt: skip


def names_given() -> list[str]:
    """Return the names of all DIGEST_ variables in the environment and in `.env`, without their values."""
    file = Path(".env")
    written = (
        _ASSIGNMENT.findall(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else []
    )
    return [name.upper() for name in (*os.environ, *written) if name.upper().startswith("DIGEST_")]


def judge_settings(settings: Settings, names: Collection[str], server: Server | None) -> list[Check]:
    """Judge the settings. `server` is None if mail is not sent over SMTP."""
    key = settings.secret_key
    return [
        judge_names(names),
        judge_holidays(settings),
        judge_secret_key(
            None if key is None else key.get_secret_value(),
            has_one_file=settings.database_url.get_secret_value().startswith("sqlite"),
        ),
        judge_base_url(settings.base_url, server),
        judge_sender(settings.sender, server),
        judge_contact(settings.contact, settings.sources),
        judge_waits(settings.late_feed_wait, settings.stale_after),
    ]


def judge_names(names: Collection[str]) -> Check:
    """Find unknown settings, which are often typing errors."""
    known = {f"DIGEST_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted({name for name in names if name not in known and not name.startswith(_OTHERS)})
    if not unknown:
        return good("settings", "They are valid.")
    near = get_close_matches(unknown[0], known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return warning(
        "settings",
        f"There is no setting called {quoted(', '.join(unknown))}; it has no effect.",
        f"{meant}All settings: digest settings",
    )


def judge_holidays(settings: Settings) -> Check:
    """Judge DIGEST_HOLIDAYS."""
    try:
        holidays_of(settings)
    except BadInput as error:
        return Check("holidays", State.BAD, str(error))
    count = len(settings.holidays)
    return good("holidays", f"arXiv's known ones and {count} more." if count else "arXiv's known ones.")


def judge_secret_key(key: str | None, *, has_one_file: bool) -> Check:
    """Judge the key that signs links. `has_one_file` is true for SQLite, whose one file holds all data anyway."""
    name = "secret key"
    advice = "Set DIGEST_SECRET_KEY to 64 random hexadecimal digits, the same on every machine."
    if key is None:
        if has_one_file:
            return good(name, "Stored in the database.")
        return warning(name, "Stored in the database, where every machine and backup can read it.", advice)
    if len(key) < _SHORTEST_KEY:
        return warning(
            name,
            f"DIGEST_SECRET_KEY is shorter than {_SHORTEST_KEY} characters, so links can be forged.",
            f"{advice} Links in mails already sent then stop working.",
        )
    if len(set(key)) < _FEWEST_CHARACTERS or any(word in key.lower() for word in _EASY_WORDS):
        return warning(
            name,
            "DIGEST_SECRET_KEY is easy to guess, so links can be forged.",
            f"{advice} Links in mails already sent then stop working.",
        )
    return good(name, "Set.")


def judge_base_url(url: str, server: Server | None) -> Check:
    """Judge the URL of links: subscribers must reach it, and one-click needs https (RFC 8058, section 3.1)."""
    name = "web address"
    parts = urlsplit(url)
    host = parts.hostname or ""
    leaves_here = server is not None and not is_loopback(server.host)
    if is_loopback(host) or host.endswith(".localhost"):
        if not leaves_here:
            return good(name, f"{url} is this machine.")
        return warning(
            name,
            f"Mails are sent over {server}, but their links lead to {url}, which is each subscriber's own machine.",
            "Set DIGEST_BASE_URL to the https:// address at which subscribers reach the pages.",
        )
    if parts.scheme == "https":
        return good(name, f"{url} is encrypted.")
    finding = f"{url} is not https, which one-click unsubscription needs."
    advice = "Serve the pages over TLS and set DIGEST_BASE_URL to their https:// address."
    return bad(name, finding, advice) if leaves_here else warning(name, finding, advice)


def judge_sender(sender: str, server: Server | None) -> Check:
    """Judge the sender's address: other mail servers must accept it."""
    name = "sender"
    advice = "Set DIGEST_SENDER to an address of your own domain, as Name <address>."
    try:
        address = read_address(sender)
    except BadInput as error:
        return bad(name, str(error), advice)
    if server is None or not is_local_domain(address.domain):
        return good(name, f"{address.mailbox}.")
    finding = f"{address.mailbox} is not an address that other mail servers accept."
    return warning(name, finding, advice) if is_loopback(server.host) else bad(name, finding, advice)


def is_local_domain(domain: str) -> bool:
    """Return whether the domain is reserved or local, so that other servers cannot resolve it."""
    lower = domain.lower()
    return "." not in lower or any(lower == end or lower.endswith(f".{end}") for end in _NO_DOMAINS)


def judge_contact(contact: str, sources: Collection[str]) -> Check:
    """Judge whether the User-Agent tells feeds how to reach the operator."""
    name = "contact"
    if contact:
        return good(name, f"Requests to feeds name {quoted(contact)}.")
    if not sources:
        return good(name, "Not needed, as no feed is read.")
    return warning(
        name,
        "Requests to feeds name no contact.",
        "Set DIGEST_CONTACT to a mail address or a web page of yours.",
    )


def judge_waits(late_feed_wait: timedelta, stale_after: timedelta) -> Check:
    """Judge whether a digest that waits for a late feed is sent before it is too late."""
    name = "waits"
    if late_feed_wait < stale_after:
        return good(name, "Digests wait for a late feed for less time than they may be late.")
    return warning(
        name,
        "DIGEST_LATE_FEED_WAIT is not less than DIGEST_STALE_AFTER, so digests of a day with a late feed are cancelled.",
        "Set DIGEST_LATE_FEED_WAIT to some hours less.",
    )
