"""Hugging Face's daily papers with their votes, one day per request.

Nearly every field of the public JSON may be missing or null; unknown fields are ignored. Votes rise for days, so
every fetch reads all days since `since` again.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.domain.paper import FeedItem, Popularity
from digest.errors import BadInput
from digest.papers.calendar import is_weekday
from digest.papers.sources.common import Found, Rejected, make_paper, stopping_at_many_rejects
from digest.papers.sources.dates import parse_moment
from digest.papers.sources.http import Fetcher
from digest.papers.sources.json_records import JsonRecords, objects_of, text_of
from digest.papers.sources.jsonl import item_from

PAGE_SIZE = 100
"""The largest page of the API."""
_MOST_PAGES = 20


class HuggingFace:
    """The daily papers at huggingface.co."""

    name = "huggingface"

    def __init__(self, address: str, fetcher: Fetcher) -> None:
        self._address = f"{address}/api/daily_papers"
        self._fetcher = fetcher

    def fetch(self, since: date, now: datetime) -> Found:
        """Yield the daily papers of each weekday from `since` to today (UTC); weekends have none."""
        today = now.astimezone(UTC).date()
        for days in range((today - since).days + 1):
            day = since + timedelta(days=days)
            if is_weekday(day):
                yield from self._day(day, now)

    def _day(self, day: date, now: datetime) -> Found:
        for page in range(_MOST_PAGES):
            parameters = {"date": day.isoformat(), "p": str(page), "limit": str(PAGE_SIZE)}
            answer = self._fetcher.get(self._address, parameters)
            seen = 0
            for item in read_page(answer.body, self.name, now, shown_on=day, cut=answer.cut):
                seen += 1
                yield item
            if seen < PAGE_SIZE:
                return


@stopping_at_many_rejects
def read_page(body: bytes, name: str, now: datetime, *, shown_on: date | None = None, cut: str = "") -> Found:
    """Yield the papers of one answer, a JSON list of items, then raise TryLater if it breaks off.

    `shown_on` dates items that do not say when they were put on the page.
    """
    for number, item in enumerate(JsonRecords(body, name, cut=cut), 1):
        try:
            yield _item(item, now, shown_on)
        except BadInput as error:
            yield Rejected(f"{name} item {number}", str(error))


def _item(item: Any, now: datetime, shown_on: date | None) -> FeedItem:
    if not isinstance(item, dict):
        raise BadInput("the item is not a JSON object")
    inner = item.get("paper")
    if not isinstance(inner, dict):
        # A saved list may hold plain records, too.
        return item_from(item, now)
    paper = make_paper(
        paper_id=text_of(inner, "id"),
        title=text_of(inner, "title") or text_of(item, "title"),
        abstract=text_of(inner, "summary") or text_of(item, "summary"),
        authors=_authors(inner),
        announced_on=_shown_on(inner) or shown_on,
        withdrawn=bool(inner.get("withdrawnAt")),
        links={"code": text_of(inner, "githubRepo"), "project": text_of(inner, "projectPage")},
        summary=text_of(inner, "ai_summary"),
    )
    popularity = Popularity(
        observed_at=now,
        upvotes=_count(inner, "upvotes") or 0,
        comments=_count(item, "numComments") or 0,
        stars=_count(inner, "githubStars"),
    )
    return FeedItem(paper, popularity)


def _count(record: Mapping[str, Any], field: str) -> int | None:
    value = record.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _authors(paper: Mapping[str, Any]) -> list[str]:
    shown = [entry for entry in objects_of(paper, "authors") if not entry.get("hidden")]
    return [name for entry in shown if (name := text_of(entry, "name"))]


def _shown_on(inner: Mapping[str, Any]) -> date | None:
    moment = parse_moment(text_of(inner, "submittedOnDailyAt"))
    return moment.astimezone(UTC).date() if moment else None
