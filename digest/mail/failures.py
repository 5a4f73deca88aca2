"""Judges one failed recipient of a bounce by its status code and the server's message (RFC 3463)."""

import re
from dataclasses import dataclass

from digest.domain.inbound import Severity

LONGEST_DIAGNOSTIC = 300

# Only after a reply code, a bracket or "status": version numbers look the same.
_ENHANCED = re.compile(
    r"(?:^|[45]\d\d[ -]|[#(\[]|status:? ?)([45]\.\d{1,3}\.\d{1,3})(?![\d.])", re.IGNORECASE
)
_REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -]|$)")
_FULL = re.compile(
    r"quota|(mailbox|mailfolder|inbox) (is )?full|full mailbox|over.?limit|storage|disk space|insufficient|exceed",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"(user|recipient|mailbox|account|address)[\w .'-]{0,20} (is )?(unknown|not (found|known|recognized)|invalid|disabled|inactive)"
    r"|user doesn'?t have an? \S+ account|wrong or no longer valid"
    r"|(unknown|no such|invalid|bad|non.?existent|unrouteable) (local )?(user|recipient|mailbox|account|address|person)"
    r"|(does not|doesn'?t|not) exist|no mailbox here|not listed in|address rejected|unknown in ",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"spam|blocked|block.?list|black.?list|reputation|policy|dnsbl|\brbl\b|relay|dmarc|\bspf\b|dkim|not authori[sz]ed"
    r"|access denied|administrative|rejected (due to|for) content",
    re.IGNORECASE,
)
_HARD_REPLY_CODES = frozenset({"550", "551", "553"})
_ABOUT_SENDER = frozenset({"5.1.7", "5.1.8"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient that a mail did not reach, or not yet."""

    recipient: str
    """In lower case; empty when the report does not name it."""
    severity: Severity
    is_permanent: bool
    """Whether the report says that no server tries again."""
    status: str
    """The enhanced status code, empty when there is none."""
    diagnostic: str
    """The server's words, on one line."""


def judge_failure(recipient: str, *, is_permanent: bool, status: str, words: str) -> Failure:
    """Return the failure that a status code and the server's message stand for.

    A status without detail (5.0.0) is replaced by the one in the message. Without any code, the message decides; an
    unknown message is soft, so that nobody is suppressed without evidence.
    """
    line = " ".join(words.split())
    if not status or status.endswith(".0.0"):
        in_words = _ENHANCED.search(line)
        status = in_words[1] if in_words else status
    return Failure(
        recipient,
        _severity(status, line, is_permanent=is_permanent),
        is_permanent,
        status,
        line[:LONGEST_DIAGNOSTIC],
    )


def find_status(text: str) -> str:
    """Return the first enhanced status code of a failure in a text, empty if there is none."""
    found = _ENHANCED.search(text)
    return found[1] if found else ""


def _severity(status: str, words: str, *, is_permanent: bool) -> Severity:
    if not is_permanent:
        return Severity.DELAYED
    if status.startswith("4."):
        return Severity.SOFT
    if status.startswith("5.7.") or status in _ABOUT_SENDER:
        return Severity.POLICY
    if status.startswith("5.1.") or status == "5.2.1":
        return Severity.HARD
    if status and not status.endswith(".0.0"):
        return Severity.SOFT
    if _FULL.search(words):
        return Severity.SOFT
    if _UNKNOWN.search(words):
        return Severity.HARD
    if _POLICY.search(words):
        return Severity.POLICY
    code = _REPLY_CODE.search(words)
    return Severity.HARD if code and code[1] in _HARD_REPLY_CODES else Severity.SOFT
