"""Checks each feed with one request: whether it answers, and with papers."""

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from digest.doctor.check import Check, attempt, bad, good, quoted, warning
from digest.doctor.database import judge_clock
from digest.domain.paper import Paper
from digest.errors import DigestError
from digest.papers.calendar import CALENDAR_SOURCES, EASTERN, announces_on, last_expected
from digest.papers.sources.citations import PaperToCount
from digest.papers.sources.common import Rejected, Source
from digest.papers.sources.configured import pacer_from, source_named
from digest.papers.sources.http import Fetcher, user_agent
from digest.settings import Settings

# Items to read of a feed. Reading on would need more requests.
_ENOUGH = 500
_MANY_REJECTED = 0.1
_CITED = (PaperToCount(Paper("1706.03762", "Attention Is All You Need", ""), ("1706.03762",)),)
"""A paper that has citations, for the feed that counts them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a feed answered."""

    source: str
    since: date
    papers: int = 0
    newest_on: date | None = None
    rejected: int = 0
    rejection: str = ""
    """Why the first rejected item is invalid."""
    error: str = ""
    """Why reading failed, as a sentence; papers read before that count."""

    @property
    def is_cut(self) -> bool:
        """Whether the feed may have more items than were read."""
        return self.papers + self.rejected >= _ENOUGH


@contextmanager
def fetcher_without_retries(
    settings: Settings, version: str, clock: Callable[[], datetime]
) -> Iterator[Fetcher]:
    """Yield a fetcher that does not retry."""
    fetcher = Fetcher(
        user_agent=user_agent(version, settings.base_url, settings.contact),
        now=clock,
        timeout=settings.fetch_timeout,
        largest_body=settings.fetch_limit_mb * 2**20,
        tries=1,
    )
    with closing(fetcher):
        yield fetcher


def examine_feeds(
    settings: Settings, version: str, holidays: Collection[date], clock: Callable[[], datetime]
) -> Iterator[Check]:
    """Request the papers of the newest announcement from each feed in the settings, at arXiv's rate limit.

    Their answers tell the time, too, which this machine's clock must agree with.
    """
    now = clock()
    since = last_expected(now, holidays)
    pacer = pacer_from(settings)
    is_quiet = not announces_on(now.astimezone(EASTERN).date(), holidays)
    with fetcher_without_retries(settings, version, clock) as fetcher:
        for name in settings.sources:
            source = source_named(name, settings, fetcher, pacer, lambda _now: _CITED)
            sample = attempt(_check_name(name), partial(read_sample, source, since, now))
            is_free = name not in CALENDAR_SOURCES
            yield sample if isinstance(sample, Check) else judge_sample(sample, is_quiet=is_quiet or is_free)
        if fetcher.clock_difference is not None:
            yield judge_clock(fetcher.clock_difference, "feed clock", "feed")


def _check_name(source: str) -> str:
    return f"feed {source}, asked now"


def read_sample(source: Source, since: date, now: datetime) -> Sample:
    """Read the papers of a feed from `since` on, without storing them."""
    papers, newest_on, rejected, rejection, error = 0, None, 0, "", ""
    try:
        for item in source.fetch(since, now):
            if isinstance(item, Rejected):
                rejected += 1
                rejection = rejection or f"{item.where}: {item.reason}"
            else:
                papers += 1
                newest_on = max(filter(None, (newest_on, item.paper.announced_on)), default=None)
            if papers + rejected >= _ENOUGH:
                break
    except DigestError as failure:
        error = str(failure)
    return Sample(source.name, since, papers, newest_on, rejected, rejection, error)


def judge_sample(sample: Sample, *, is_quiet: bool) -> Check:
    """Judge what a feed answered. `is_quiet`: no papers need to be announced today."""
    name = _check_name(sample.source)
    if sample.error and not sample.papers:
        return bad(name, sample.error, "If this persists, check the feed's URL in: digest settings")
    least = "at least " if sample.is_cut else ""
    newest = f", the newest of {sample.newest_on}" if sample.newest_on else ""
    finding = f"It has {least}{sample.papers:,} paper{'s' * (sample.papers != 1)}{newest}."
    if sample.error:
        return warning(name, f"{finding} Then: {sample.error}", "Try again in some minutes.")
    total = sample.papers + sample.rejected
    if sample.rejected > _MANY_REJECTED * total:
        return warning(
            name,
            f"{finding} {sample.rejected:,} of {total:,} items cannot be read, the first is {quoted(sample.rejection)}.",
            "The feed's format may have changed; look for a newer version of this program.",
        )
    if not sample.papers:
        finding = f"It answers, but has no paper of {sample.since} or later."
        if is_quiet:
            return good(name, f"{finding} None is due today.")
        return warning(
            name, finding, "Try again in some hours; arXiv updates its feeds at midnight in New York."
        )
    return good(name, finding)
