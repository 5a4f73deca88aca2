"""The feeds with good, bad and missing answers of a server.

All feeds yield the good items and then raise one clear error.
"""

import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from digest.domain.paper import FeedItem
from digest.errors import BadInput, DigestError, StopRun, TryLater
from digest.papers.sources.common import Rejected, says_withdrawn
from digest.papers.sources.configured import (
    arxiv_api_from,
    fetcher_from,
    holidays_of,
    pacer_from,
    source_named,
)
from digest.papers.sources.http import Fetcher, FreePacer
from digest.setting_types import SOURCE_NAMES
from digest.settings import Settings
from tests.papers import journal_samples as journals
from tests.papers import samples
from tests.papers.feed_answers import GOOD, NOW, TODAY, Make, gathered, ids, to_count
from tests.papers.feed_server import FeedServer, Reply, Request

PATHS = {
    "huggingface": "/api/daily_papers",
    "arxiv": "/atom/cs.AI+cs.CV",
    "arxiv-oai": "/oai",
    "arxiv-api": "/api/query",
    "biorxiv": "/details/biorxiv/2026-03-04/2026-03-04/0/json",
    "medrxiv": "/details/medrxiv/2026-03-04/2026-03-04/0/json",
    "openalex": "/works",
    "citations": "/works",
    "rss:gulls": "/feed.xml",
}
JSON_SOURCES = {"huggingface", "biorxiv", "medrxiv", "openalex", "citations"}

EMPTY = {
    "huggingface": b"[]",
    "arxiv": samples.atom_feed().encode(),
    "arxiv-oai": samples.oai_error("noRecordsMatch", "nothing").encode(),
    "arxiv-api": samples.api_page().encode(),
    "biorxiv": journals.NO_POSTS,
    "medrxiv": journals.NO_POSTS,
    "openalex": journals.works_page(),
    "citations": journals.works_page(),
    "rss:gulls": journals.rdf_feed().encode(),
}

every_source = pytest.mark.parametrize("name", PATHS)
# Citations are of papers that are stored already; nothing else of an answer is read.
every_text_source = pytest.mark.parametrize("name", sorted(PATHS.keys() - {"citations"}))


@every_source
def test_a_good_answer_yields_its_papers(feeds: FeedServer, make: Make, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name]))
    items, rejected, error = gathered(make(name))
    assert (ids(items), rejected, error) == ({"2603.00001", "2603.00002"}, [], None)
    assert make(name).name == name
    for item in items:
        assert item.paper.title.startswith("Counting Gulls")
        assert "\n" not in item.paper.title
        assert item.paper.authors[0] == "Ada Fern"


@every_source
def test_an_empty_answer_is_not_an_error(feeds: FeedServer, make: Make, name: str) -> None:
    feeds.serve(PATHS[name], Reply(EMPTY[name]))
    assert gathered(make(name)) == ([], [], None)


@every_source
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_feed_is_retried(feeds: FeedServer, make: Make, name: str, status: int) -> None:
    feeds.serve(PATHS[name], Reply(status=status, headers={"Retry-After": "1"}), Reply(GOOD[name]))
    items, _, error = gathered(make(name))
    assert (ids(items), error) == ({"2603.00001", "2603.00002"}, None)


@every_source
@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(status=429, headers={"Retry-After": "1"}), TryLater, "429"),
        (Reply(status=503), TryLater, "503"),
        (Reply(status=404), StopRun, "404"),
        (
            Reply(samples.WEB_PAGE.encode(), headers={"Content-Type": "text/html"}),
            TryLater,
            r"a web page \(HTML\)",
        ),
    ],
)
def test_a_bad_answer_gives_one_clear_error(
    feeds: FeedServer, make: Make, name: str, reply: Reply, kind: type[DigestError], words: str
) -> None:
    feeds.serve(PATHS[name], reply)
    items, rejected, error = gathered(make(name))
    assert (items, rejected) == ([], [])
    with pytest.raises(kind, match=words):
        raise error or AssertionError("no error")
    assert "\n" not in str(error)


@every_source
def test_a_silent_feed_gives_one_clear_error(feeds: FeedServer, configured: Settings, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name], silence=20))
    impatient = Fetcher(user_agent="test", now=lambda: NOW, timeout=timedelta(seconds=0.1), tries=1)
    items, _, error = gathered(source_named(name, configured, impatient, FreePacer(), to_count))
    impatient.close()
    assert items == []
    assert isinstance(error, TryLater)
    assert "did not answer within 0.1 seconds" in str(error)


@every_source
def test_complete_entries_of_an_incomplete_body_are_yielded(feeds: FeedServer, make: Make, name: str) -> None:
    # Cut inside the second paper.
    half = GOOD[name][: GOOD[name].rindex(b"2603.00002") + 10]
    feeds.serve(PATHS[name], Reply(half, declared_length=len(GOOD[name])))
    items, _, error = gathered(make(name))
    assert ids(items) == {"2603.00001"}
    assert isinstance(error, TryLater)
    assert "broke off in the middle of its answer" in str(error)
    assert "were kept" in str(error)


@every_source
def test_a_huge_body_is_read_up_to_the_limit(feeds: FeedServer, make: Make, name: str) -> None:
    start = GOOD[name][: GOOD[name].rindex(b"2603.00002") + 10]
    filler = b" gulls" * 100_000
    # 50 MB of one endless entry after a good one.
    feeds.serve(PATHS[name], lambda _: Reply(start + filler, repeated=50))
    started = time.perf_counter()
    items, _, error = gathered(make(name))
    assert ids(items) == {"2603.00001"}
    assert isinstance(error, TryLater)
    assert "answered more than 1 MB" in str(error)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("name", [name for name in PATHS if name not in JSON_SOURCES])
@pytest.mark.parametrize("bomb", [samples.ENTITY_BOMB, samples.EXTERNAL_ENTITY])
def test_entity_bombs_are_refused(feeds: FeedServer, make: Make, name: str, bomb: str) -> None:
    feeds.serve(PATHS[name], Reply(bomb.encode()))
    items, _, error = gathered(make(name))
    assert items == []
    assert isinstance(error, TryLater)
    assert "refused" in str(error)


@every_text_source
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "no-such-charset"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_wrong_charset_is_corrected(
    feeds: FeedServer, make: Make, name: str, charset: str, encoding: str
) -> None:
    text = GOOD[name].decode().replace("Ada Fern", "Ada Möwe").replace("<keyname>Fern", "<keyname>Möwe")
    body = text.encode(encoding)
    feeds.serve(PATHS[name], Reply(body, headers={"Content-Type": f"application/xml; charset={charset}"}))
    items, _, error = gathered(make(name))
    assert error is None
    assert items[0].paper.authors[0] == "Ada Möwe"


@every_text_source
def test_a_bad_item_affects_only_itself(feeds: FeedServer, make: Make, name: str) -> None:
    doi = f"{journals.REGISTRANT}/2603.00001".encode()
    # OpenAlex and journals have works without an id, but none without a title.
    bad = GOOD[name].replace(doi, b"gulls").replace(b"2603.00001", b"2613.00001")
    reason = "is not a paper id"
    if name in {"openalex", "rss:gulls"}:
        bad, reason = GOOD[name].replace(b"Counting Gulls 2603.00001", b""), "the title is missing"
    feeds.serve(PATHS[name], Reply(bad))
    items, rejected, error = gathered(make(name))
    assert (ids(items), error) == ({"2603.00002"}, None)
    assert rejected
    assert rejected[0].where.startswith(f"{name} ")
    assert reason in rejected[0].reason


# Withdrawals


@pytest.mark.parametrize(
    ("comment", "abstract", "withdrawn"),
    [
        ("This paper has been withdrawn by the author due to an error", "", True),
        ("Withdrawn", "", True),
        ("withdrawn from arXiv by the authors", "", True),
        ("Submitted to ICML, withdrawn from the conference", "", False),
        ("12 pages", "This paper has been withdrawn.", True),
        ("", "The authors have withdrawn this paper; see v1.", True),
        ("", "We study patients who were withdrawn from the trial.", False),
        ("", "This work studies gulls. Money was withdrawn.", False),
        ("9 pages", "We count gulls.", False),
    ],
)
def test_withdrawals_are_detected_in_comments_and_abstracts(
    comment: str, abstract: str, withdrawn: bool
) -> None:
    assert says_withdrawn(comment, abstract) is withdrawn


def test_withdrawn_papers_are_marked(feeds: FeedServer, make: Make) -> None:
    gone = "This paper has been withdrawn"
    feeds.serve("/oai", Reply(samples.oai_list(samples.oai_record(comments=gone)).encode()))
    feeds.serve("/api/query", Reply(samples.api_page(samples.api_entry(comment=gone)).encode()))
    for name in ("arxiv-oai", "arxiv-api"):
        items, _, _ = gathered(make(name))
        assert all(item.paper.withdrawn for item in items)


# Choosing


def test_feeds_are_built_from_the_settings(fetcher: Fetcher) -> None:
    settings = Settings(
        holidays=("2026-03-05",),
        rss_feeds=("gulls=https://gulls.example.org/feed", "fog=https://fog.example.org/rss"),
        openalex_filter="primary_topic.field.id:28",
        sources=SOURCE_NAMES,
    )
    assert settings.sources == (*SOURCE_NAMES[:-2], "rss:gulls", "rss:fog", "sample")
    for name in settings.sources:
        assert source_named(name, settings, fetcher, FreePacer()).name == name
    assert holidays_of(settings) == {date(2026, 3, 5)}
    fetcher_from(settings, "1.0", lambda: NOW).close()
    with pacer_from(settings).turn():
        pass
    for unknown in ("gulls", "rss:moss", "rss"):
        with pytest.raises(BadInput, match=r"choose from huggingface, arxiv.*rss:gulls, rss:fog"):
            source_named(unknown, settings, fetcher, FreePacer())
    with pytest.raises(BadInput, match="DIGEST_OPENALEX_FILTER"):
        source_named("openalex", Settings(), fetcher, FreePacer())
    with pytest.raises(BadInput, match="DIGEST_HOLIDAYS"):
        holidays_of(Settings(holidays=("tomorrow",)))


# Real answers, from beside the project


def test_real_answers_are_parsed_at_the_real_paths(feeds: FeedServer, make: Make, shared: Path) -> None:
    samples_of = shared / "feeds"
    feeds.serve("/api/daily_papers", Reply((samples_of / "huggingface-daily_papers.json").read_bytes()))
    feeds.serve("/atom/cs.AI+cs.CV", Reply((samples_of / "arxiv-atom-cs.AI-2025-08-20.xml").read_bytes()))
    feeds.serve("/api/query", Reply((samples_of / "arxiv-api" / "error-400.xml").read_bytes(), status=400))
    assert ids(gathered(make("huggingface"))[0]) == {"2602.23229"}
    announced, rejected, error = gathered(make("arxiv"))
    assert len(announced) == 7
    assert (rejected, error) == ([], None)
    with pytest.raises(StopRun, match="incorrect id format for abc"):
        list(make("arxiv-api").fetch(TODAY, NOW))


ABSURD = (
    "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "Fri, 31 Dec 9999 23:59:59 -1200",
    "Mon, 01 Jan 99999999999999999999 00:00:00 +0000",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
)


@pytest.mark.parametrize("absurd", ABSURD)
@every_text_source
def test_an_impossible_date_affects_only_its_item(
    feeds: FeedServer, make: Make, name: str, absurd: str
) -> None:
    bad = {
        "huggingface": lambda: samples.daily_page(
            samples.daily_item("2603.00001", submittedOnDailyAt=absurd), samples.daily_item("2603.00002")
        ),
        "arxiv": lambda: dated(GOOD["arxiv"], "published", absurd),
        "arxiv-oai": lambda: dated(GOOD["arxiv-oai"], "created", absurd),
        "arxiv-api": lambda: dated(GOOD["arxiv-api"], "published", absurd),
        "biorxiv": lambda: GOOD["biorxiv"].replace(b'"date": "2026-03-03', b'"date": "' + absurd.encode(), 1),
        "medrxiv": lambda: GOOD["medrxiv"].replace(b'"date": "2026-03-03', b'"date": "' + absurd.encode(), 1),
        "openalex": lambda: GOOD["openalex"].replace(b"2026-03-03", absurd.encode(), 1),
        "rss:gulls": lambda: dated(GOOD["rss:gulls"], "dc:date", absurd),
    }[name]()
    assert absurd.encode() in bad
    feeds.serve(PATHS[name], Reply(bad))
    items, rejected, error = gathered(make(name))
    assert error is None
    assert "2603.00002" in ids(items)
    # A text that is not a date in the feed's format leaves the paper undated; the item is not rejected.
    if absurd[:4].isdigit():
        assert {one.reason for one in rejected} == {f"the date {absurd!r} is out of range"}
    assert all("out of range" in one.reason for one in rejected)


def dated(body: bytes, element: str, text: str) -> bytes:
    """Replace the text of the first element with this name."""
    before, opening, rest = body.partition(f"<{element}>".encode())
    return before + opening + text.encode() + rest[rest.index(b"<") :]


def test_papers_are_fetched_by_id_in_one_request(
    configured: Settings, fetcher: Fetcher, feeds: FeedServer
) -> None:
    feeds.serve("/api/query", Reply(GOOD["arxiv-api"]))
    found = list(arxiv_api_from(configured, fetcher, FreePacer()).papers(["2603.00001", "2603.00002"]))
    assert [one.paper.id for one in found if isinstance(one, FeedItem)] == ["2603.00001", "2603.00002"]
    (request,) = feeds.requests
    assert request.query == {"id_list": "2603.00001,2603.00002", "max_results": "2"}


def test_an_id_that_arxiv_refuses_affects_only_itself(
    configured: Settings, fetcher: Fetcher, feeds: FeedServer
) -> None:
    def answer(request: Request) -> Reply:
        ids = request.query["id_list"].split(",")
        if "2603.99999" in ids:
            return Reply(samples.API_ERROR.encode(), status=400)
        return Reply(samples.api_page(*map(samples.api_entry, ids)).encode())

    feeds.serve("/api/query", answer)
    wanted = ["2603.00001", "2603.99999", "2603.00003", "2603.00004"]
    found = list(arxiv_api_from(configured, fetcher, FreePacer()).papers(wanted))
    assert sorted(one.paper.id for one in found if isinstance(one, FeedItem)) == [
        "2603.00001",
        "2603.00003",
        "2603.00004",
    ]
    assert [one.where for one in found if isinstance(one, Rejected)] == ["arxiv-api 2603.99999"]
