"""Checks the ledger of deliveries: whether they are planned, sent in time, and accepted."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from digest.doctor.check import Check, bad, good, quoted, warning
from digest.doctor.database import in_words
from digest.domain.subscriber import is_time_zone
from digest.store import health
from digest.store.database import Database
from digest.store.health import Queue, Settled
from digest.text.formatting import counted

# cron runs the job every hour. Two missing runs are reported.
_ONE_RUN_LATE = timedelta(hours=2)
_DAY = timedelta(days=1)
_FEW_FAIL = 0.02
_MANY_FAIL = 0.2
_KEEP_IT_RUNNING = "Let cron run `digest run` every hour, and check its output."


def examine_ledger(database: Database, stale_after: timedelta, now: datetime) -> list[Check]:
    """Check planning, the queue, and the deliveries of the last day."""
    with health.reading(database) as connection:
        count, since = health.unplanned_subscribers(connection, now - _ONE_RUN_LATE)
        strayed = health.strayed_subscribers(connection, now)
        zones = health.time_zones(connection)
        waiting = health.queue(connection, now)
        settled = health.settled_since(connection, now - _DAY)
    return [
        judge_planning(count, since, stale_after, now),
        judge_strayed(strayed),
        judge_zones(zones),
        judge_queue(waiting, stale_after, now),
        judge_settled(settled),
    ]


def judge_planning(count: int, since: datetime | None, stale_after: timedelta, now: datetime) -> Check:
    """Judge whether the daily job runs: it does not if `count` subscribers were due hours ago without a delivery."""
    name = "schedule"
    if not count or since is None:
        return good(name, "All digests that are due are planned.")
    finding = f"{count:,} digest{'s' * (count != 1)} should have been planned, the first {in_words(now - since)} ago."
    state = bad if now - since > stale_after else warning
    return state(name, finding, f"The daily job does not run. {_KEEP_IT_RUNNING}")


def judge_strayed(count: int) -> Check:
    """Judge whether next digests are due later than their subscribers' schedules allow."""
    name = "next digests"
    if not count:
        return good(name, "They are due as the subscribers' schedules say.")
    return warning(
        name,
        f"{count:,} subscriber{'s' * (count != 1)} would wait longer than the schedule allows. "
        "A clock that was ahead can cause this.",
        "Set the clock by NTP; the next `digest run`, or the workers within a minute, correct the times.",
    )


def judge_zones(zones: Mapping[str, int]) -> Check:
    """Judge whether this machine knows the time zones of all active subscribers, who are counted by zone."""
    name = "time zones"
    unknown = {zone: count for zone, count in zones.items() if not is_time_zone(zone)}
    if not unknown:
        return good(name, f"This machine knows all {counted(len(zones), 'time zone')} of the subscribers.")
    return bad(
        name,
        f"This machine does not know {quoted(', '.join(sorted(unknown)))}, so "
        f"{counted(sum(unknown.values()), 'subscriber')} cannot be planned.",
        "Upgrade the Python package tzdata here, or: digest subscribers edit EMAIL --timezone TZ",
    )


def judge_queue(waiting: Queue, stale_after: timedelta, now: datetime) -> Check:
    """Judge how long planned deliveries have been overdue. After `stale_after` they are skipped."""
    name = "queue"
    to_retry = ""
    if waiting.to_retry:
        reason = f" ({quoted(waiting.reason)})" if waiting.reason else ""
        to_retry = f" {waiting.to_retry:,} will be tried again{reason}."
    age = now - waiting.overdue_since if waiting.overdue_since else timedelta()
    if age <= _ONE_RUN_LATE:
        finding = f"{_waiting(waiting.open)} for {'its' if waiting.open == 1 else 'their'} time."
        finding = finding if waiting.open else "Empty."
        return good(name, finding + to_retry)
    finding = f"{_waiting(waiting.overdue)} to be sent, the first for {in_words(age)}.{to_retry}"
    if age > stale_after:
        return bad(name, finding, f"They are too late to send. {_KEEP_IT_RUNNING}")
    return warning(name, finding, f"No process sends them. {_KEEP_IT_RUNNING}")


def judge_settled(settled: Settled) -> Check:
    """Judge the share of the last day's mails that failed."""
    name = "deliveries"
    total = settled.sent + settled.failed
    if not total:
        return good(name, "None was sent during the last day.")
    if not settled.failed:
        return good(name, f"{settled.sent:,} sent during the last day, none failed.")
    share = settled.failed / total
    reason = f" Most often: {quoted(settled.reason)}." if settled.reason else ""
    finding = f"{settled.failed:,} of {total:,} failed during the last day ({share:.1%}).{reason}"
    advice = "See them with: digest deliveries list --status failed"
    if share < _FEW_FAIL:
        return good(name, finding)
    return bad(name, finding, advice) if share >= _MANY_FAIL else warning(name, finding, advice)


def _waiting(number: int) -> str:
    return f"{counted(number, 'delivery')} {'waits' if number == 1 else 'wait'}"
