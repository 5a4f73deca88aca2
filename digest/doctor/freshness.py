"""Checks whether papers and feeds are up to date, by arXiv's calendar of announcements."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.doctor.check import Check, bad, good, quoted, warning
from digest.doctor.database import in_words
from digest.domain.paper import FetchStatus
from digest.papers.calendar import CALENDAR_SOURCES, announces_on, last_expected, out_at
from digest.store import fetches, health, papers
from digest.store.database import Database
from digest.text.formatting import counted

_FORGOTTEN_AFTER = timedelta(days=2)
_FAILING_FOR = timedelta(days=1)
_MOST_COUNTED = 366


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of the last fetch of a feed, and when a fetch last succeeded."""

    source: str
    status: FetchStatus
    finished_at: datetime
    seen: int
    error: str
    last_good_at: datetime | None


def examine_library(
    database: Database,
    sources: Sequence[str],
    holidays: Collection[date],
    grace: timedelta,
    now: datetime,
) -> list[Check]:
    """Check the newest paper and the last fetch of each feed in the settings."""
    with health.reading(database) as connection:
        newest_on = papers.newest_announcement(connection, last_expected(now, holidays))
        last_good = health.last_good_fetches(connection, now)
        readings = {
            row.source: Reading(
                row.source, row.status, row.finished_at, row.seen, row.error, last_good.get(row.source)
            )
            for row in fetches.newest_fetches(connection, now)
        }
    follows_calendar = not sources or any(source in CALENDAR_SOURCES for source in sources)
    whole = judge_freshness(newest_on, holidays, grace, now, has_fetches=bool(readings))
    if newest_on is not None and not follows_calendar:
        whole = good(whole.name, f"The newest are of {newest_on}.")
    return [
        whole,
        *(judge_reading(source, readings.get(source), now) for source in sources),
    ]


def judge_freshness(
    newest_on: date | None,
    holidays: Collection[date],
    grace: timedelta,
    now: datetime,
    *,
    has_fetches: bool,
) -> Check:
    """Compare the newest paper with the last announcement that is due; feeds may be `grace` late."""
    name = "papers"
    advice = (
        "Read the feeds with: digest papers fetch" if has_fetches else "Get some with: digest papers fetch"
    )
    if newest_on is None:
        return bad(name, "There are none yet.", advice)
    expected = last_expected(now, holidays)
    missed = missed_announcements(newest_on, expected, holidays)
    if not missed:
        return good(name, f"The newest are of {newest_on}, and nothing later was announced.")
    if missed == 1 and now - out_at(expected) <= grace:
        return good(
            name, f"The newest are of {newest_on}; those of {expected} were just announced and may follow."
        )
    finding = f"The newest are of {newest_on}; {missed} announcement{'s' * (missed != 1)} since then did not arrive."
    if not has_fetches:
        return warning(name, f"{finding} No feed was ever read.", advice)
    return warning(name, finding, advice) if missed == 1 else bad(name, finding, advice)


def missed_announcements(newest_on: date, expected: date, holidays: Collection[date]) -> int:
    """Return the number of announcements after `newest_on` up to `expected`, of the last year at most."""
    days = min((expected - newest_on).days, _MOST_COUNTED)
    return sum(announces_on(expected - timedelta(days=back), holidays) for back in range(max(days, 0)))


def judge_reading(source: str, reading: Reading | None, now: datetime) -> Check:
    """Judge the last fetch of a feed."""
    name = f"feed {source}"
    advice = f"Try it with: digest papers fetch {source}"
    if reading is None and source == "sample":
        return good(name, "Its papers are loaded by: digest init --sample")
    if reading is None:
        return warning(name, "It was never read.", advice)
    ago = f"{in_words(now - reading.finished_at)} ago"
    if reading.status == "failed":
        finding = f"Reading it failed {ago} ({quoted(reading.error)})."
        last = reading.last_good_at
        if last is not None and now - last <= _FAILING_FOR:
            return warning(name, f"{finding} It worked {in_words(now - last)} ago.", advice)
        return bad(name, finding, f"{advice}, and check it with: digest doctor --feeds")
    if now - reading.finished_at > _FORGOTTEN_AFTER:
        return warning(
            name,
            f"It was last read {ago}.",
            "Let cron run `digest run` every hour, or remove the feed from DIGEST_SOURCES.",
        )
    if reading.status == "partial":
        return warning(name, f"It was read in part {ago} ({quoted(reading.error)}).", advice)
    return good(name, f"Read {ago}: {counted(reading.seen, 'paper')}.")
