"""When a refused address is suppressed: pure decisions over what the mail server answered lately.

A server that refuses one address says something about the address; one that refuses most of them says
something about itself. So a refusal is only *suspected* until the evidence confirms it:

1. the server is sane: among its last 20 answers it took at least as many mails as it refused; or the same
   address was refused for an earlier edition, at least 20 hours before, and took no mail since; and
2. most people got their mail: half of all subscribers took this edition; or no more than 1 % of all
   subscribers are suppressed in 24 hours, this one included.

Whatever the server answers, if it refuses more than half of the recipients of an edition, at most 1 % of the
list is suppressed in a day.
"""

from dataclasses import dataclass
from datetime import timedelta

WINDOW = 20
"""So many of the server's last answers tell whether it is sane."""
EDITIONS_APART = timedelta(hours=20)
"""Two refusals of one address count as two when they are this far apart."""
DAY = timedelta(hours=24)
_SHARE = 100
_DOUBTFUL_REFUSALS = WINDOW // 2

TAKEN = "+"
REFUSED = "-"
"""The two answers to a recipient, as they stand in `Answers.recent`."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What one account's server answered to the mails of one stream and edition."""

    taken: int = 0
    refused: int = 0
    recent: str = ""
    """The last WINDOW answers, the newest last."""

    def add(self, more: str) -> "Answers":
        """Return these answers with `more` of them, in their order."""
        return Answers(
            self.taken + more.count(TAKEN),
            self.refused + more.count(REFUSED),
            (self.recent + more)[-WINDOW:],
        )

    @property
    def is_sane(self) -> bool:
        """Whether at least as many mails were taken as refused lately."""
        return self.recent.count(TAKEN) >= self.recent.count(REFUSED)

    @property
    def is_doubtful(self) -> bool:
        """Whether so many were refused lately that sending on helps nobody."""
        return not self.is_sane and self.recent.count(REFUSED) >= _DOUBTFUL_REFUSALS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when an address is refused."""

    answers: Answers
    """This refusal included."""
    subscribers: int
    """How many there are on the list, those suppressed in the last 24 hours included."""
    suppressed: int
    """How many addresses were suppressed for a refusal in the last 24 hours."""
    refused_before: bool
    """Whether the address was refused for an earlier edition, EDITIONS_APART ago, and took no mail since."""


def is_confirmed(evidence: Evidence) -> bool:
    """Tell whether a refusal says something about the address, so that it is suppressed."""
    if not evidence.answers.is_sane and not evidence.refused_before:
        return False
    most_got_theirs = 2 * evidence.answers.taken >= evidence.subscribers
    return most_got_theirs or _SHARE * (evidence.suppressed + 1) <= evidence.subscribers
