"""The rule that decides whether a refused address is suppressed.

A server that refuses most addresses is likely to be faulty. So a refusal is *suspected* until both hold:

1. the server accepted at least as many mails as it refused among its last 20 answers; or the same
   address was refused for an earlier edition, at least 20 hours before, and accepted no mail since; and
2. half of all subscribers got this edition; or no more than 1 % of all
   subscribers are suppressed in 24 hours, this one included.

Whatever the server answers, if it refuses more than half of the recipients of an edition, at most 1 % of the
list is suppressed in a day.
"""

from dataclasses import dataclass
from datetime import timedelta

WINDOW = 20
"""Number of the server's last answers that decide whether it works."""
EDITIONS_APART = timedelta(hours=20)
"""Least time between two refusals of one address that are counted as two."""
DAY = timedelta(hours=24)
_SHARE = 100
_DOUBTFUL_REFUSALS = WINDOW // 2

ACCEPTED = "+"
REFUSED = "-"
"""The two answers to a recipient, as written in `Answers.recent`."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one account's server to the mails of one stream and edition."""

    accepted: int = 0
    refused: int = 0
    recent: str = ""
    """The last WINDOW answers, the newest last."""

    def add(self, more: str) -> "Answers":
        """Return these answers with `more` of them, in their order."""
        return Answers(
            self.accepted + more.count(ACCEPTED),
            self.refused + more.count(REFUSED),
            (self.recent + more)[-WINDOW:],
        )

    @property
    def is_sane(self) -> bool:
        """Whether at least as many of the last mails were accepted as refused."""
        return self.recent.count(ACCEPTED) >= self.recent.count(REFUSED)

    @property
    def is_doubtful(self) -> bool:
        """Whether so many of the last mails were refused that sending stops."""
        return not self.is_sane and self.recent.count(REFUSED) >= _DOUBTFUL_REFUSALS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when an address is refused."""

    answers: Answers
    """This refusal included."""
    subscribers: int
    """Number of subscribers who get digests, plus those suppressed in the last 24 hours."""
    suppressed: int
    """Number of addresses suppressed for a refusal in the last 24 hours."""
    refused_before: bool
    """Whether the address was refused for an earlier edition at least EDITIONS_APART ago, and accepted no mail since."""


def is_confirmed(evidence: Evidence) -> bool:
    """Return whether a refusal is confirmed, so that the address is suppressed."""
    return _is_confirmed(evidence, is_sane=evidence.answers.is_sane)


def is_bounce_confirmed(evidence: Evidence) -> bool:
    """Return whether a hard bounce is confirmed: by the same rule, but without the window of the last answers.

    Bounces come in clusters, hours after their mails, so all answers to the edition count: at least as many mails
    must have been accepted and not bounced as were refused or bounced.
    """
    return _is_confirmed(evidence, is_sane=evidence.answers.accepted >= evidence.answers.refused)


def _is_confirmed(evidence: Evidence, *, is_sane: bool) -> bool:
    if not is_sane and not evidence.refused_before:
        return False
    most_accepted = 2 * evidence.answers.accepted >= evidence.subscribers
    return most_accepted or _SHARE * (evidence.suppressed + 1) <= evidence.subscribers
