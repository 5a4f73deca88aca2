"""bioRxiv and medRxiv: pages, versions, withdrawals, and the typesetting of their abstracts."""

from datetime import date
from typing import Any

import pytest

from digest.errors import TryLater
from tests.papers import journal_samples as samples
from tests.papers.feed_answers import TODAY, Make, gathered
from tests.papers.feed_server import FeedServer, Reply, Request

DAY = "/details/biorxiv/2026-03-04/2026-03-04"


def serve(feeds: FeedServer, *records: dict[str, Any]) -> None:
    feeds.serve(f"{DAY}/0/json", Reply(samples.biorxiv_page(*records)))


def test_a_version_becomes_a_paper(feeds: FeedServer, make: Make) -> None:
    serve(feeds, samples.biorxiv_record(published="10.1038/S41586-026-00001-1"))
    (item,), _, _ = gathered(make("biorxiv"))
    paper = item.paper
    assert paper.id == "10.1101/2026.03.03.123456"
    assert paper.authors == ("Ada Fern", "R. J. Moss", "L. van der Reed")
    assert paper.categories == ("biorxiv:animal-behavior-and-cognition",)
    assert paper.announced_on == date(2026, 3, 3)
    assert paper.links == {
        "doi": "https://doi.org/10.1101/2026.03.03.123456",
        "pdf": "https://www.biorxiv.org/content/10.1101/2026.03.03.123456v1.full.pdf",
    }
    assert item.other_ids == ("10.1038/s41586-026-00001-1",)
    assert not paper.withdrawn


def test_medrxiv_has_its_own_categories_and_pages(feeds: FeedServer, make: Make) -> None:
    record = samples.biorxiv_record(category="HIV/AIDS", type="PUBLISHAHEADOFPRINT", server="medRxiv")
    feeds.serve("/details/medrxiv/2026-03-04/2026-03-04/0/json", Reply(samples.biorxiv_page(record)))
    (item,), _, _ = gathered(make("medrxiv"))
    assert item.paper.categories == ("medrxiv:hiv-aids",)
    assert item.paper.links["pdf"].startswith("https://www.medrxiv.org/content/")


def test_a_later_version_is_no_announcement(feeds: FeedServer, make: Make) -> None:
    serve(feeds, samples.biorxiv_record(version="2", date="2026-03-04"))
    (item,), _, _ = gathered(make("biorxiv"))
    assert item.paper.announced_on is None
    assert item.paper.links["pdf"].endswith("v2.full.pdf")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"type": "withdrawn"}, "Counting Gulls 2026.03.03.123456"),
        ({"title": "WITHDRAWN: Counting Gulls"}, "Counting Gulls"),
        ({"abstract": "The authors have withdrawn this manuscript."}, "Counting Gulls 2026.03.03.123456"),
    ],
)
def test_a_withdrawal_is_detected_and_keeps_the_title(
    feeds: FeedServer, make: Make, changes: dict[str, Any], title: str
) -> None:
    serve(feeds, samples.biorxiv_record(**changes))
    (item,), _, _ = gathered(make("biorxiv"))
    assert (item.paper.withdrawn, item.paper.title) == (True, title)


def test_ordinary_signs_stay_and_typesetting_goes(feeds: FeedServer, make: Make) -> None:
    serve(
        feeds,
        samples.biorxiv_record(
            title="TGF-{beta} of ~50% gulls", abstract="At ~5 {micro}M for $5 or $10.\nO_LIOneC_LI"
        ),
    )
    (item,), _, _ = gathered(make("biorxiv"))
    assert item.paper.title == "TGF-{beta} of ~50% gulls"
    assert item.paper.abstract == "At ~5 µM for $5 or $10.\nOne"


@pytest.mark.parametrize("size", [30, 100])
def test_pages_are_read_to_the_total_whatever_their_size(feeds: FeedServer, make: Make, size: int) -> None:
    total = 230

    def page(cursor: int) -> Reply:
        numbers = range(cursor, min(total, cursor + size))
        records = [samples.biorxiv_record(f"2026.03.03.{number:06}") for number in numbers]
        return Reply(samples.biorxiv_page(*records, cursor=cursor, total=str(total)))

    for cursor in range(0, total, size):
        feeds.serve(f"{DAY}/{cursor}/json", page(cursor))
    items, rejected, error = gathered(make("biorxiv"))
    assert len({item.paper.id for item in items}) == total
    assert (rejected, error) == ([], None)
    assert len(feeds.requests) == -(-total // size)


def test_an_error_of_the_server_is_quoted(feeds: FeedServer, make: Make) -> None:
    feeds.serve(f"{DAY}/0/json", Reply(samples.biorxiv_page(status="Error : (2002) Connection refused")))
    items, _, error = gathered(make("biorxiv"))
    assert items == []
    assert isinstance(error, TryLater)
    assert "the server says: Error : (2002) Connection refused" in str(error)


def test_the_interval_is_from_since_to_today(feeds: FeedServer, make: Make) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(samples.NO_POSTS)

    feeds.serve("/details/biorxiv/2026-02-25/2026-03-04/0/json", answer)
    assert gathered(make("biorxiv"), date(2026, 2, 25)) == ([], [], None)
    assert len(asked) == 1
    assert date(2026, 3, 4) == TODAY
