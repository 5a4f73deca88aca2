from datetime import date

import pytest

from digest.domain.paper import Popularity
from digest.errors import TryLater
from digest.papers.sources.http import Fetcher
from digest.papers.sources.huggingface import HuggingFace
from tests.papers import samples
from tests.papers.feed_answers import NOW, TODAY, Make, gathered
from tests.papers.feed_server import FeedServer, Reply, Request

# Hugging Face


def test_a_daily_paper_has_its_popularity(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/api/daily_papers", Reply(samples.daily_page(samples.daily_item())))
    [item], _, _ = gathered(make("huggingface"))
    assert item.popularity == Popularity(NOW, upvotes=12, comments=3, stars=7)
    paper = item.paper
    assert paper.announced_on == date(2026, 3, 3)
    assert paper.authors == ("Ada Fern",)
    assert paper.links == {
        "code": "https://github.com/example/gulls",
        "project": "https://gulls.example.org/",
    }
    assert not paper.withdrawn


def test_daily_papers_may_lack_nearly_everything(feeds: FeedServer, make: Make) -> None:
    bare = {
        "paper": {"id": "2603.00003", "title": "Gulls", "upvotes": None, "authors": None, "githubRepo": None}
    }
    odd = samples.daily_item(
        "2603.00004",
        withdrawnAt="2026-03-03T00:00:00Z",
        submittedOnDailyAt="soon",
        projectPage="javascript:alert(1)",
        githubStars=True,
        authors=[{"name": 7}, "Ada", {"name": "Li Reed"}],
    )
    feeds.serve("/api/daily_papers", Reply(samples.daily_page(bare, odd)))
    [first, second], rejected, error = gathered(make("huggingface"))
    assert (rejected, error) == ([], None)
    assert first.paper.announced_on == TODAY
    assert first.popularity == Popularity(NOW, upvotes=0)
    assert second.paper.withdrawn
    assert second.paper.links == {"code": "https://github.com/example/gulls"}
    assert second.paper.authors == ("Li Reed",)
    assert second.popularity is not None
    assert second.popularity.stars is None


def test_daily_papers_are_requested_by_weekday_and_page(feeds: FeedServer, make: Make) -> None:
    def answer(request: Request) -> Reply:
        number = int(request.query["p"])
        day = request.query["date"].replace("-", "")[4:]
        size = 100 if (number, day) == (0, "0302") else 1
        first = number * 100 + int(day)
        return Reply(samples.daily_page(*(samples.daily_item(f"2603.{first + n:05}") for n in range(size))))

    feeds.serve("/api/daily_papers", answer)
    items, _, _ = gathered(make("huggingface"), since=date(2026, 2, 27))
    asked = [(request.query["date"], request.query["p"]) for request in feeds.requests]
    assert asked == [
        ("2026-02-27", "0"),
        ("2026-03-02", "0"),
        ("2026-03-02", "1"),
        ("2026-03-03", "0"),
        ("2026-03-04", "0"),
    ]
    assert len(items) == 104
    assert gathered(make("huggingface"), since=date(2026, 3, 5)) == ([], [], None)


def test_the_error_message_of_the_api_is_reported(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/api/daily_papers", Reply(b'{"error": "Invalid date"}'))
    with pytest.raises(TryLater, match=r"not a JSON list \(it says: Invalid date\)"):
        list(HuggingFace(feeds.address, fetcher).fetch(TODAY, NOW))
