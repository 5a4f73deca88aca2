"""Kinds of mail that comes back, and the rule for mailboxes that stay full."""

from collections.abc import Sequence
from enum import StrEnum


class InboundKind(StrEnum):
    """What an inbound mail is."""

    UNSUBSCRIBE = "unsubscribe"
    """The mail that List-Unsubscribe asks for, with the token of a subscriber."""
    BOUNCE = "bounce"
    """A report that a mail could not be delivered (RFC 3464, or in a form of a mail server's own)."""
    COMPLAINT = "complaint"
    """A report that somebody marked a mail as spam (ARF, RFC 5965)."""
    AUTO_REPLY = "auto_reply"
    """A vacation notice or a challenge, sent by a program (RFC 3834)."""
    REPLY = "reply"
    """Anything else: a person wrote."""


class Severity(StrEnum):
    """How severe a failed delivery is."""

    HARD = "hard"
    """There is no such mailbox (5.1.x, 5.2.1)."""
    SOFT = "soft"
    """The mailbox takes no mail for now: full, unreachable, or for an unknown reason."""
    DELAYED = "delayed"
    """A warning: the server keeps trying."""
    POLICY = "policy"
    """The receiving server refuses the sender or the mail (5.7.x): the operator has to solve it, not the subscriber."""


class MatchedBy(StrEnum):
    """How the mail that came back was recognised, the strongest evidence first."""

    RETURN_PATH = "return_path"
    """Its signed address (VERP)."""
    TOKEN = "token"  # noqa: S105 - a word
    """The signed link to unsubscribe."""
    MESSAGE_ID = "message_id"
    """Its Message-ID, which holds the random key of the subscriber."""
    RECIPIENT = "recipient"
    """The address alone. Anybody can write that into a report, so nothing is suppressed for it."""


class InboundOutcome(StrEnum):
    """What was done about an inbound mail."""

    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    SUSPECTED = "suspected"
    """A hard bounce that is not confirmed by the rules of `digest.domain.refusals`."""
    COUNTED = "counted"
    PAUSED = "paused"
    """Counted, and the subscriber is paused for it."""
    NOTED = "noted"
    """Recorded, without consequence."""
    ALARMED = "alarmed"
    """Recorded, and shown to the operator."""
    FORWARDED = "forwarded"
    UNMATCHED = "unmatched"
    """It is about no subscriber of this installation."""
    REPEATED = "repeated"
    """Processed before; nothing was done."""


PAUSE_AT = 5
"""The score of soft bounces at which a subscriber is paused."""


def soft_score(editions: Sequence[bool]) -> int:
    """Return the score of a subscriber's last editions, the oldest first; True means a soft bounce.

    A soft bounce adds one, a mail that arrived takes one away: five editions in a row make 5, and a mailbox that is
    full only sometimes never reaches it.
    """
    score = 0
    for bounced in editions:
        score = score + 1 if bounced else max(0, score - 1)
    return score
