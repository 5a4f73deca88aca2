"""Judges the state of an installation: each fact becomes a sentence, and what to do about it. Pure functions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from digest.delivery.decisions import STALE
from digest.doctor.beat import judge_beat
from digest.doctor.check import Check, State, bad, good, quoted, warning
from digest.doctor.database import in_words
from digest.doctor.freshness import missed_announcements
from digest.doctor.ledger import judge_planning, judge_queue, judge_settled, judge_strayed
from digest.doctor.rollback import judge_restored
from digest.doctor.space import judge_space
from digest.papers.calendar import CALENDAR_SOURCES, EASTERN, announces_on, is_weekday, last_expected, out_at
from digest.status.facts import Calendar, Facts, FeedFacts, Ledger
from digest.store.circuit_breakers import Circuit
from digest.store.overview import EDITION_KINDS, ServerAnswers
from digest.store.refusals import DoubtfulEdition
from digest.text.formatting import counted

MOST_BOUNCES = 0.05
"""Providers stop accounts above this share of refused and returned mails; a warning is given at half of it."""
MOST_COMPLAINTS = 0.003
"""Large mailbox providers refuse bulk mail above this share of complaints; a warning is given at a third of it."""
_FEW_BOUNCES, _FEW_COMPLAINTS = 5, 2
"""So many say nothing about a list, whatever their share."""
_FAILING_FOR = timedelta(days=1)
_FORGOTTEN_AFTER = timedelta(days=2)


class Freshness(StrEnum):
    """The state of one feed against the announcement calendar."""

    FRESH = "fresh"
    """It has the newest announcement."""
    QUIET = "quiet day"
    """The same, and today is a weekend, on which nothing is announced."""
    HOLIDAY = "holiday"
    """The same, and today's announcement is deferred."""
    LATE = "late"
    """It answers, and an announcement that is due is missing."""
    FAULT = "fault"
    """It cannot be read."""
    UNREAD = "not read"


def judge(facts: Facts) -> list[Check]:
    """Return what is known about each part, in the order in which a digest comes about."""
    ledger, server = facts.ledger, facts.server
    found = [judge_feed(feed, facts.calendar, facts.at, was_used=facts.was_used) for feed in facts.feeds]
    found.append(judge_restored([], ledger.recorded_until, ledger.sent_until))
    found.append(judge_planning(ledger.unplanned, ledger.unplanned_since, ledger.stale_after, facts.at))
    found.append(judge_strayed(ledger.strayed))
    found.append(judge_waiting(ledger, facts.at, is_blocked=bool(server.circuits)))
    found.append(judge_settled(ledger.settled))
    found.append(judge_edition(ledger, facts.at))
    found += [judge_circuit(one, facts.at) for one in server.circuits]
    found += [judge_doubtful(one) for one in server.doubtful_editions]
    found += [judge_bounces(server.answers), judge_complaints(server.answers)]
    found.append(judge_space(facts.space))
    if facts.beat is not None:
        found.append(judge_beat(facts.beat))
    return found


def verdict(checks: Sequence[Check]) -> str:
    """Return the answer to "is everything all right?" as one sentence."""
    states = Counter(check.state for check in checks)
    if states[State.BAD]:
        more = f" and {counted(states[State.WARNING], 'warning')}" if states[State.WARNING] else ""
        return f"{counted(states[State.BAD], 'fault')}{more}: mails are at risk until this is solved."
    if states[State.WARNING]:
        return f"{counted(states[State.WARNING], 'warning')}: mails go out, but look at this."
    return "Everything is all right."


def freshness(feed: FeedFacts, calendar: Calendar, now: datetime) -> Freshness:
    """Return the state of a feed."""
    if feed.status is None:
        return Freshness.UNREAD
    if feed.status == "failed":
        return Freshness.FAULT
    # Journals and other archives have days without papers that no calendar tells.
    if feed.source in CALENDAR_SOURCES and _missed(feed, calendar, now):
        return Freshness.LATE
    if feed.source not in CALENDAR_SOURCES and feed.source != "sample":
        return Freshness.FRESH
    today = now.astimezone(EASTERN).date()
    if announces_on(today, calendar.holidays):
        return Freshness.FRESH
    return Freshness.HOLIDAY if is_weekday(today) else Freshness.QUIET


def _missed(feed: FeedFacts, calendar: Calendar, now: datetime) -> int:
    expected = last_expected(now, calendar.holidays)
    # An empty feed on the first day has missed one announcement at least.
    newest_on = feed.newest_known_on or expected - timedelta(days=1)
    return max(missed_announcements(newest_on, expected, calendar.holidays), feed.newest_known_on is None)


def judge_feed(feed: FeedFacts, calendar: Calendar, now: datetime, *, was_used: bool) -> Check:
    """Judge a feed; `was_used`: some feed was read before."""
    name, advice = f"feed {feed.source}", f"Try it with: digest papers fetch {feed.source}"
    state = freshness(feed, calendar, now)
    if state is Freshness.UNREAD or feed.finished_at is None:
        if feed.source == "sample":
            return good(name, "not read; its papers are loaded by: digest init --sample")
        if was_used:
            return warning(name, "not read: it is in DIGEST_SOURCES, and was never fetched.", advice)
        return Check(name, State.GOOD, "not read yet.", "Read the feeds with: digest papers fetch")
    ago = now - feed.finished_at
    if state is Freshness.FAULT:
        return _judge_fault(feed, now, name, advice)
    if ago > _FORGOTTEN_AFTER:
        keep_reading = "Let cron run `digest run` every hour, or start `digest up`."
        return warning(name, f"not read for {in_words(ago)}.", keep_reading)
    if state is Freshness.LATE:
        return _judge_late(feed, calendar, now, name, advice)
    newest = f", the newest of {feed.newest_known_on}" if feed.newest_known_on else ""
    if feed.status == "partial":
        finding = f"{state}, but read in part {in_words(ago)} ago ({quoted(feed.error)})."
        return warning(name, finding, advice)
    return good(name, f"{state}; read {in_words(ago)} ago{newest}.")


def _judge_fault(feed: FeedFacts, now: datetime, name: str, advice: str) -> Check:
    assert feed.finished_at is not None
    finding = (
        f"fault: reading it failed {in_words(now - feed.finished_at)} ago ({quoted(_without_name(feed))})."
    )
    last = feed.last_good_at
    if last is not None and now - last <= _FAILING_FOR:
        return warning(name, f"{finding} It worked {in_words(now - last)} ago.", advice)
    return bad(name, finding, f"{advice}; then: digest doctor --feeds")


def _without_name(feed: FeedFacts) -> str:
    return feed.error.removeprefix(f"{feed.source}: ")


def _judge_late(feed: FeedFacts, calendar: Calendar, now: datetime, name: str, advice: str) -> Check:
    expected = last_expected(now, calendar.holidays)
    missed = _missed(feed, calendar, now)
    newest = f"the newest is of {feed.newest_known_on}" if feed.newest_known_on else "it had no papers"
    if missed == 1:
        since = now - out_at(expected)
        finding = f"late: the announcement of {expected} has been due for {in_words(since)}; {newest}."
        if since <= calendar.late_feed_wait:
            return Check(name, State.GOOD, finding, "Nothing to do yet; digests wait for it.")
        return warning(name, finding, advice)
    finding = f"late: {missed} announcements are missing; {newest}."
    return bad(name, finding, f"{advice}; then: digest doctor --feeds")


def last_edition(ledger: Ledger, now: datetime) -> tuple[date, Counter[str], Counter[str]] | None:
    """Return the newest edition that has begun, its digests by status, and those not sent by reason; None if none."""
    # The day begins up to 14 hours before it does in UTC.
    newest = (now + timedelta(hours=14)).date()
    day = next((one for one, kind, *_ in ledger.counts if kind in EDITION_KINDS and one <= newest), None)
    if day is None:
        return None
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for edition_on, kind, status, reason, count in ledger.counts:
        if edition_on == day and kind in EDITION_KINDS:
            states[status] += count
            if status != "sent":
                reasons[f"{status}: {reason}" if reason else status] += count
    return day, states, reasons


def reason_in_words(reason: str) -> str:
    """Return a status and its reason, as `last_edition` has them, in words: "waiting (connection lost)"."""
    status, colon, why = reason.partition(": ")
    word = {"planned": "waiting", "claimed": "being sent"}.get(status, status)
    return f"{word} ({why.replace('_', ' ')})" if colon else word


def judge_edition(ledger: Ledger, now: datetime) -> Check:
    """Judge the newest edition; digests that were cancelled as too late are a fault."""
    name = "last edition"
    found = last_edition(ledger, now)
    if found is None:
        return good(name, "No digest was planned in the last week.")
    day, states, reasons = found
    # What is in the queue is judged there, and a feed that fails with the feeds.
    parts = [f"{states['sent']:,} sent"]
    waiting = states["planned"] + states["claimed"]
    for number, word in ((waiting, "waiting"), (states["failed"], "failed"), (states["skipped"], "skipped")):
        if number:
            parts.append(f"{number:,} {word}")
    finding = f"{day}: {', '.join(parts)}."
    stale = sum(count for reason, count in reasons.items() if reason.endswith(f": {STALE}"))
    if stale:
        return bad(
            name,
            f"{finding} {stale:,} cancelled, as they were not sent in time.",
            f"Their papers come in the next digest. To send them now: digest run --date {day}; "
            "then find out why nothing was sent: digest doctor --mail",
        )
    return good(name, finding)


def judge_waiting(ledger: Ledger, now: datetime, *, is_blocked: bool) -> Check:
    """Judge how long deliveries have been overdue; `is_blocked`: a circuit breaker is open, and they wait for it."""
    check = judge_queue(ledger.queue, ledger.stale_after, now)
    if check.state is State.GOOD or not is_blocked:
        return check
    return replace(check, advice="They wait for the mail server; solve what its circuit breaker says.")


def judge_circuit(one: Circuit, now: datetime) -> Check:
    """Judge an open circuit breaker."""
    return bad(
        f"circuit {one.name}",
        f"open for {in_words(now - one.opened_at)} ({quoted(one.reason)}); the next try is at "
        f"{one.try_again_at:%H:%M} UTC.",
        "Solve what the server says; sending goes on by itself. To test it: digest doctor --mail",
    )


def judge_doubtful(one: DoubtfulEdition) -> Check:
    """Judge an edition of which a server refused more mails than it accepted."""
    return bad(
        f"refusals {one.account} {one.stream} {one.edition_on}",
        f"{one.refused:,} addresses refused, {one.accepted:,} mails accepted. Refusals are not trusted.",
        "Ask the server's operator why, and see: digest deliveries list --status failed",
    )


def judge_bounces(answers: ServerAnswers) -> Check:
    """Compare the share of refused and returned mails with what providers accept."""
    returned = answers.refused + answers.bounced
    finding = (
        f"{answers.bounce_rate:.1%} of {counted(answers.mails, 'mail')} in 7 days (limit {MOST_BOUNCES:.0%})."
    )
    advice = "Look for imported or mistyped addresses: digest bounces list; digest suppressions list"
    return _judge_rate(
        "bounces", answers.bounce_rate / MOST_BOUNCES, 0.5, returned >= _FEW_BOUNCES, finding, advice
    )


def judge_complaints(answers: ServerAnswers) -> Check:
    """Compare the share of mails marked as spam with what providers accept."""
    finding = (
        f"{answers.complaint_rate:.2%} of {counted(answers.accepted, 'mail')} in 7 days "
        f"(limit {MOST_COMPLAINTS:.1%})."
    )
    advice = "Find out whom: digest bounces list. Stop imports until it falls; the list may hold people who did not ask."
    is_many = answers.complaints >= _FEW_COMPLAINTS
    return _judge_rate(
        "complaints", answers.complaint_rate / MOST_COMPLAINTS, 1 / 3, is_many, finding, advice
    )


def _judge_rate(
    name: str, of_limit: float, warned_at: float, is_many: bool, finding: str, advice: str
) -> Check:
    if not is_many or of_limit < warned_at:
        return good(name, finding)
    return bad(name, finding, advice) if of_limit > 1 else warning(name, finding, advice)
