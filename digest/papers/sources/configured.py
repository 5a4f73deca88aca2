"""Builds feeds by their names in settings and on the command line."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

from digest.domain.feed_fields import USUAL_FIELDS, parse_fields
from digest.errors import BadInput
from digest.papers.sources.arxiv_api import ArxivApi
from digest.papers.sources.arxiv_feed import ArxivFeed
from digest.papers.sources.arxiv_oai import ArxivOai
from digest.papers.sources.biorxiv import Biorxiv
from digest.papers.sources.citations import Citations, PapersToCount, no_papers
from digest.papers.sources.common import Source
from digest.papers.sources.http import LONGEST_WAIT, Fetcher, IntervalPacer, Pacer, user_agent
from digest.papers.sources.huggingface import HuggingFace
from digest.papers.sources.journal_feed import JournalFeed
from digest.papers.sources.openalex import OpenAlex
from digest.papers.sources.sample import SampleFeed
from digest.setting_types import SOURCE_NAMES, feed_addresses
from digest.settings import Settings

_WATCHED = timedelta(seconds=10)


def source_named(
    name: str,
    settings: Settings,
    fetcher: Fetcher,
    arxiv_pacer: Pacer,
    to_count: PapersToCount = no_papers,
) -> Source:
    """Return the feed called `name`. One pacer must serve all arXiv sources. Raises BadInput for another name.

    `to_count` returns the stored papers whose citations are due to be counted.
    """
    if name == "huggingface":
        return HuggingFace(settings.huggingface_url, fetcher)
    if name == "sample":
        return SampleFeed()
    categories = settings.arxiv_categories
    if name == "arxiv":
        return ArxivFeed(settings.arxiv_rss_url, categories, fetcher, arxiv_pacer)
    if name == "arxiv-oai":
        days = holidays_of(settings)
        return ArxivOai(settings.arxiv_oai_url, categories, fetcher, arxiv_pacer, holidays=days)
    if name == "arxiv-api":
        return arxiv_api_from(settings, fetcher, arxiv_pacer)
    pacer = IntervalPacer(settings.fetch_pause)
    if name == "citations":
        key = settings.openalex_key.get_secret_value()
        return Citations(settings.openalex_url, key, settings.contact, fetcher, pacer, to_count)
    return _source_beside_arxiv(name, settings, fetcher, pacer)


def _source_beside_arxiv(name: str, settings: Settings, fetcher: Fetcher, pacer: Pacer) -> Source:
    if name in {"biorxiv", "medrxiv"}:
        return Biorxiv(name, settings.biorxiv_url, fetcher, pacer)
    if name == "openalex":
        if not settings.openalex_filter:
            raise BadInput("openalex needs DIGEST_OPENALEX_FILTER, which says what to read.")
        key = settings.openalex_key.get_secret_value()
        return OpenAlex(
            settings.openalex_url, settings.openalex_filter, key, settings.contact, fetcher, pacer
        )
    addresses = feed_addresses(settings.rss_feeds)
    feed = name.removeprefix("rss:")
    if feed in addresses and feed != name:
        fields = parse_fields(settings.rss_fields, addresses).get(feed, USUAL_FIELDS)
        return JournalFeed(name, addresses[feed], fetcher, pacer, fields)
    known = [*(one for one in SOURCE_NAMES if one != "rss"), *(f"rss:{one}" for one in addresses)]
    raise BadInput(f"No feed is called {name!r}; choose from {', '.join(known)}.")


def arxiv_api_from(settings: Settings, fetcher: Fetcher, arxiv_pacer: Pacer) -> ArxivApi:
    """Return arXiv's search API, which also fetches papers by id."""
    return ArxivApi(
        settings.arxiv_api_url,
        settings.arxiv_categories,
        fetcher,
        arxiv_pacer,
        holidays=holidays_of(settings),
    )


def fetcher_from(
    settings: Settings,
    version: str,
    now: Callable[[], datetime],
    *,
    is_watched: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> Fetcher:
    """Build the fetcher that the settings describe; close it when the work is done.

    With `is_watched`, because a person waits for it, it does not retry and waits at most ten seconds.
    """
    return Fetcher(
        user_agent=user_agent(version, settings.base_url, settings.contact),
        now=now,
        timeout=min(settings.fetch_timeout, _WATCHED) if is_watched else settings.fetch_timeout,
        largest_body=settings.fetch_limit_mb * 2**20,
        tries=1 if is_watched else settings.fetch_tries,
        longest_wait=_WATCHED if is_watched else LONGEST_WAIT,
        sleep=sleep,
    )


def pacer_from(settings: Settings) -> IntervalPacer:
    """Build the pacer of this process; share it among all arXiv sources."""
    return IntervalPacer(settings.arxiv_pause)


def holidays_of(settings: Settings) -> frozenset[date]:
    """Return the additional deferral days of the settings. Raises BadInput for one that is not a date."""
    try:
        return frozenset(date.fromisoformat(day) for day in settings.holidays)
    except ValueError:
        raise BadInput("DIGEST_HOLIDAYS: write each day as YYYY-MM-DD.") from None
