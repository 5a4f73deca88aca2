from datetime import UTC, date, datetime

import pytest

from digest.errors import DigestError, StopRun, TryLater
from digest.papers.calendar import announced_on
from digest.papers.sources.arxiv_api import ArxivApi
from digest.papers.sources.arxiv_feed import ArxivFeed
from digest.papers.sources.arxiv_oai import set_of
from digest.papers.sources.http import Fetcher, FreePacer
from tests.papers import samples
from tests.papers.feed_answers import GOOD, NOW, TODAY, Make, gathered, ids
from tests.papers.feed_server import FeedServer, Reply, Request

# arXiv's feeds


def test_announcements_are_dated_and_replacements_are_not(feeds: FeedServer, make: Make) -> None:
    kinds = ["new", "cross", "replace", "replace-cross"]
    entries = [samples.atom_entry(f"2603.0000{n}", kind) for n, kind in enumerate(kinds)]
    feeds.serve("/atom/cs.AI+cs.CV", Reply(samples.atom_feed(*entries).encode()))
    items, _, _ = gathered(make("arxiv"))
    assert [item.paper.announced_on for item in items] == [
        date(2026, 3, 3),
        date(2026, 3, 3),
        None,
        None,
    ]
    paper = items[0].paper
    assert paper.abstract.startswith("We teach a lighthouse")
    assert paper.categories == ("cs.CV", "cs.AI")
    assert paper.authors == ("Ada Fern", "René Moss (Coast Lab, North)", "Li Reed")


def test_rss_gives_the_same_papers_as_atom(feeds: FeedServer, make: Make) -> None:
    feeds.serve(
        "/atom/cs.AI+cs.CV",
        Reply(samples.rss_feed(("2603.00001", "new"), ("2603.00002", "replace")).encode()),
    )
    [new, replaced], rejected, error = gathered(make("arxiv"))
    assert (rejected, error) == ([], None)
    assert (new.paper.announced_on, replaced.paper.announced_on) == (date(2026, 3, 3), None)
    assert new.paper.abstract.startswith("We teach a lighthouse")
    assert new.paper.authors == ("Ada Fern", "Li Reed")
    assert new.paper.categories == ("cs.CV",)


def test_a_full_feed_is_requested_category_by_category(feeds: FeedServer) -> None:
    many = samples.atom_feed(*(samples.atom_entry(f"2603.{n:05}") for n in range(1, 2001)))
    assert len(many) > 2**20
    fetcher = Fetcher(user_agent="test", now=lambda: NOW)
    feeds.serve("/atom/cs.AI+cs.CV", Reply(many.encode()))
    feeds.serve("/atom/cs.AI", Reply(samples.atom_feed(samples.atom_entry("2603.09001")).encode()))
    feeds.serve("/atom/cs.CV", Reply(samples.atom_feed(samples.atom_entry("2603.09002")).encode()))
    items, _, error = gathered(ArxivFeed(feeds.address, ("cs.AI", "cs.CV"), fetcher, FreePacer()))
    fetcher.close()
    assert error is None
    assert {"2603.00001", "2603.09001", "2603.09002"} <= ids(items)


# arXiv's OAI-PMH


def test_all_pages_of_each_category_are_read(feeds: FeedServer, make: Make) -> None:
    def answer(request: Request) -> Reply:
        if request.query.get("resumptionToken") == "more|cs.AI":
            return Reply(samples.oai_list(samples.oai_record("2603.00002")).encode())
        if request.query.get("set") == "cs:cs:AI":
            return Reply(
                samples.oai_list(samples.oai_record(), samples.OAI_DELETED, token="more|cs.AI").encode()
            )
        return Reply(samples.oai_list(samples.oai_record("2603.00003")).encode())

    feeds.serve("/oai", answer)
    items, rejected, error = gathered(make("arxiv-oai"), since=date(2026, 3, 1))
    assert (ids(items), rejected, error) == ({"2603.00001", "2603.00002", "2603.00003"}, [], None)
    assert feeds.requests[0].query == {
        "verb": "ListRecords",
        "metadataPrefix": "arXiv",
        "set": "cs:cs:AI",
        "from": "2026-03-01",
    }
    assert feeds.requests[1].query == {"verb": "ListRecords", "resumptionToken": "more|cs.AI"}
    paper = items[0].paper
    assert paper.title == "Counting Gulls"
    assert paper.abstract == "We teach a lighthouse to count gulls.\nThe gulls agree."
    assert paper.authors == ("Ada Fern", "René Moss Jr")
    assert paper.links == {"doi": "https://doi.org/10.1234/gulls"}


@pytest.mark.parametrize(
    ("record", "day"),
    [
        # A first version is dated by its datestamp if that fits its submission.
        (samples.oai_record(), date(2026, 3, 3)),
        (samples.oai_record(datestamp="2026-03-05"), date(2026, 3, 5)),
        # A datestamp on a weekend, long after, or of a later version is not used.
        (samples.oai_record(datestamp="2026-03-07"), date(2026, 3, 3)),
        (samples.oai_record(datestamp="2026-09-01"), date(2026, 3, 3)),
        (samples.oai_record(datestamp="2026-03-05", updated="2026-03-04"), date(2026, 3, 3)),
        (samples.oai_record("2604.00001", datestamp="2026-05-29"), date(2026, 4, 2)),
        (
            samples.oai_record("hep-th/9901001", datestamp="2026-03-05", created="1999-01-04"),
            date(1999, 1, 5),
        ),
        (samples.oai_record(created="gulls"), None),
    ],
)
def test_records_are_dated_by_datestamp_or_submission(
    feeds: FeedServer, make: Make, record: str, day: date | None
) -> None:
    feeds.serve("/oai", Reply(samples.oai_list(record).encode()))
    items, _, _ = gathered(make("arxiv-oai"))
    assert items[0].paper.announced_on == day


@pytest.mark.parametrize(
    ("code", "kind"),
    [("badResumptionToken", TryLater), ("badArgument", StopRun), ("cannotDisseminateFormat", StopRun)],
)
def test_errors_of_the_protocol_become_our_errors(
    feeds: FeedServer, make: Make, code: str, kind: type[DigestError]
) -> None:
    feeds.serve("/oai", Reply(samples.oai_error(code, "no such gull").encode()))
    with pytest.raises(kind, match=code):
        list(make("arxiv-oai").fetch(TODAY, NOW))


def test_a_repeated_resumption_token_ends_the_list(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/oai", Reply(samples.oai_list(samples.oai_record(), token="again").encode()))
    items, _, error = gathered(make("arxiv-oai"))
    assert items
    assert isinstance(error, TryLater)
    assert "repeats without end" in str(error)


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("cs.AI", "cs:cs:AI"),
        ("stat.ML", "stat:stat:ML"),
        ("hep-th", "physics:hep-th"),
        ("astro-ph.CO", "physics:astro-ph:CO"),
        ("physics.bio-ph", "physics:physics:bio-ph"),
        ("math-ph", "physics:math-ph"),
        ("cs", "cs"),
        ("q-bio.NC", "q-bio:q-bio:NC"),
    ],
)
def test_categories_map_to_oai_sets(category: str, name: str) -> None:
    assert set_of(category) == name


# arXiv's search


def test_a_search_is_read_page_by_page(feeds: FeedServer, fetcher: Fetcher) -> None:
    everything = [f"2603.{n:05}" for n in range(1, 8)]

    def answer(request: Request) -> Reply:
        start, size = int(request.query["start"]), int(request.query["max_results"])
        page = everything[start : start + size]
        return Reply(samples.api_page(*map(samples.api_entry, page), total=len(everything)).encode())

    feeds.serve("/api/query", answer)
    source = ArxivApi(f"{feeds.address}/api/query", ("cs.AI", "cs.CV"), fetcher, FreePacer(), page_size=3)
    items, rejected, error = gathered(source, since=date(2026, 3, 3))
    assert (ids(items), rejected, error) == (set(everything), [], None)
    assert [request.query["start"] for request in feeds.requests] == ["0", "3", "6"]
    assert feeds.requests[0].query["search_query"] == (
        "(cat:cs.AI OR cat:cs.CV) AND submittedDate:[202602240000 TO 202603041200]"
    )
    paper = items[0].paper
    assert paper.announced_on == announced_on(datetime(2026, 3, 2, 18, 0, tzinfo=UTC)) == date(2026, 3, 3)
    assert paper.categories == ("cs.CV", "cs.AI")
    assert paper.authors == ("Ada Fern", "René Moss")


def test_an_empty_page_is_requested_again(feeds: FeedServer, make: Make) -> None:
    empty = Reply(samples.api_page(total=2).encode())
    feeds.serve("/api/query", empty, empty, Reply(GOOD["arxiv-api"]))
    items, _, error = gathered(make("arxiv-api"))
    assert (len(items), error) == (2, None)
    feeds.serve("/api/query", Reply(samples.api_page(samples.api_entry(), total=2).encode()), empty)
    items, _, error = gathered(make("arxiv-api"))
    assert len(items) == 1
    assert isinstance(error, TryLater)
    assert "empty page at 1" in str(error)


@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_search_gives_the_reason(feeds: FeedServer, make: Make, status: int) -> None:
    feeds.serve("/api/query", Reply(samples.API_ERROR.encode(), status=status))
    with pytest.raises(StopRun, match="incorrect id format for gull"):
        list(make("arxiv-api").fetch(TODAY, NOW))
