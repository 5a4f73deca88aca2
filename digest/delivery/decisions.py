"""Decides what happens to a delivery: send, skip, cancel or retry. Pure functions."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from digest.delivery.feed_state import FeedState
from digest.domain.delivery import PLANNED_KINDS, RECIPIENTS, Delivery, Kind
from digest.domain.subscriber import Status
from digest.text.languages import gettext, gettext_noop, ngettext

# Why a digest is empty, or is not sent. Recorded with the delivery.
NO_ANNOUNCEMENT = "no announcement"
NOTHING_NEW = "nothing new"
NOTHING_FITS = "nothing fits"
LATE_FEED = "late feed"
FEED_FAULT = "feed fault"
STALE = "stale"
SUPERSEDED = "superseded"
MISDIRECTED = "no mail to a channel"

_STATE_REASON: dict[FeedState, str] = {
    FeedState.COMPLETE: NOTHING_FITS,
    FeedState.HOLIDAY: NO_ANNOUNCEMENT,
    FeedState.LATE: LATE_FEED,
    FeedState.FAULT: FEED_FAULT,
    FeedState.NO_FEED: NOTHING_NEW,
}

NOTES: dict[str, str] = {
    NO_ANNOUNCEMENT: gettext_noop(
        "No new papers today: arXiv announced nothing since your last digest. Nothing is broken."
    ),
    NOTHING_NEW: gettext_noop("No new papers have come in since your last digest."),
    NOTHING_FITS: gettext_noop(
        "There are new papers today, but none that fits what you follow. "
        "If that happens often, add a topic or take out a rule."
    ),
    LATE_FEED: gettext_noop("Today's papers are late. They will be in your next digest."),
    FEED_FAULT: gettext_noop("We could not read today's papers. They will be in your next digest."),
}
"""What a digest without papers says; translated when it is composed."""


def short_note(picks: int, most: int, considered: int) -> str:
    """Return in the current language why a digest has fewer papers than the subscriber wants; "" when it is full or empty."""
    if not 0 < picks < most:
        return ""
    if considered <= picks:
        return gettext("Fewer papers than usual: there are no other new ones since your last digest.")
    return ngettext(
        "Fewer papers than usual: of %(num)s new one, no other fits what you follow well enough. "
        "One more topic in your preferences brings more.",
        "Fewer papers than usual: of %(num)s new ones, no other fits what you follow well enough. "
        "One more topic in your preferences brings more.",
        considered,
    )


# Temporary refusals: the first pause, doubled each time up to the longest.
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=2)
FIRST_SUSPECTED_PAUSE = timedelta(hours=1)
"""After an address was refused and the refusal is not confirmed: doubled each time."""
LOOK_AGAIN = timedelta(minutes=30)
"""How long a digest waits until the papers of a late feed are looked up again."""


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a digest may wait, and whether a subscriber gets a note on a day without papers."""

    stale_after: timedelta = timedelta(hours=20)
    late_feed_wait: timedelta = timedelta(hours=6)
    quiet_day: Literal["skip", "note"] = "skip"


@dataclass(frozen=True, slots=True)
class Send:
    """Send the digest. `note` says why there are no papers, if there are none."""

    note: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """Send nothing in this edition; not a failure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Send nothing: the mail is no longer allowed or no longer useful."""

    reason: str
    keeps_papers: bool = False
    """The mail may have been sent before a crash, so its papers are not candidates for the next digest."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Decide again at `until`."""

    until: datetime
    reason: str


Outcome = Send | Skip | Cancel | Retry


def reason_to_cancel(
    delivery: Delivery, status: Status, newest_edition_on: date, now: datetime, wait_policy: WaitPolicy
) -> Cancel | None:
    """Return why a claimed delivery is cancelled before it is composed; None if it goes on.

    Each kind is sent to its RECIPIENTS only, and not after WaitPolicy.stale_after. A composed digest is sent even
    if the next edition is planned: the two share no paper.
    """
    if status not in RECIPIENTS[delivery.kind]:
        if delivery.kind in {Kind.CONFIRM, Kind.GOODBYE}:
            return Cancel(f"already {status}")
        return Cancel("unconfirmed" if status == "pending" else status)
    if (
        delivery.kind in PLANNED_KINDS
        and delivery.contents is None
        and delivery.edition_on < newest_edition_on
    ):
        return Cancel(SUPERSEDED)
    if now - delivery.due_at > wait_policy.stale_after:
        return Cancel(STALE, keeps_papers=delivery.in_flight)
    return None


def reason_to_cancel_misdirected(kind: Kind, *, is_channel: bool) -> Cancel | None:
    """Return why a delivery is cancelled that is a mail to a channel or a post to a person; None if it is neither."""
    return None if is_channel == (kind == Kind.POST) else Cancel(MISDIRECTED)


def quiet_reason(considered: int, state: FeedState) -> str:
    """Return why a digest has no papers: a key of NOTES, as recorded with the delivery."""
    return NOTHING_FITS if considered else _STATE_REASON[state]


def decide(
    kind: Kind,
    picks: int,
    considered: int,
    state: FeedState,
    due_at: datetime,
    now: datetime,
    wait_policy: WaitPolicy,
) -> Outcome:
    """Decide about a mail with `picks` papers selected from `considered` new ones.

    A welcome is sent with or without papers, a catch-up only with some; neither waits for a late feed.
    """
    if picks or kind == Kind.WELCOME:
        return Send()
    if kind == Kind.CATCH_UP:
        return Skip(quiet_reason(considered, state))
    reason = quiet_reason(considered, state)
    if state in {"late", "fault"} and now < due_at + wait_policy.late_feed_wait:
        return Retry(min(now + LOOK_AGAIN, due_at + wait_policy.late_feed_wait), reason)
    return Send(NOTES[reason], reason) if wait_policy.quiet_day == "note" else Skip(reason)


def pause(attempts: int, asked: float | None, jitter: float) -> timedelta:
    """Return how long to wait after a temporary refusal: doubled with each attempt, at least `asked` seconds.

    `jitter` in [0, 1) spreads the pauses of many mails over the second half of the span.
    """
    span = min(FIRST_PAUSE * 2 ** min(max(0, attempts - 1), 10), LONGEST_PAUSE)
    spread: timedelta = span * (0.5 + jitter / 2)
    return max(spread, timedelta(seconds=asked or 0))


def pause_suspected(attempts: int) -> timedelta:
    """Return how long to wait before the next attempt at an address whose refusal is not confirmed."""
    doubled: timedelta = FIRST_SUSPECTED_PAUSE * 2 ** min(max(0, attempts - 1), 4)
    return doubled
