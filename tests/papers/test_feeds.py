"""The feeds against a server that answers well, badly, and not at all.

The promise is the same for all: what is good is kept, the rest is one clear error.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from digest.errors import BadInput, DigestError, StopRun, TryLater
from digest.papers.calendar import announced_on
from digest.papers.paper import Popularity, Sighting
from digest.papers.sources.arxiv_api import ArxivApi
from digest.papers.sources.arxiv_feed import ArxivFeed
from digest.papers.sources.arxiv_oai import set_of
from digest.papers.sources.choose import arxiv_api_from, fetcher_from, holidays_of, pacer_from, source_named
from digest.papers.sources.common import Rejected, Source, says_withdrawn
from digest.papers.sources.http import Fetcher, FreePacer
from digest.papers.sources.huggingface import HuggingFace
from digest.settings import SOURCE_NAMES, Settings
from tests.papers import samples
from tests.papers.feed_server import FeedServer, Reply, Request, feed_server

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 4)

PATHS = {
    "huggingface": "/api/daily_papers",
    "arxiv": "/atom/cs.AI+cs.CV",
    "arxiv-oai": "/oai",
    "arxiv-api": "/api/query",
}
GOOD = {
    "huggingface": samples.daily_page(samples.daily_item("2603.00001"), samples.daily_item("2603.00002")),
    "arxiv": samples.atom_feed(samples.atom_entry("2603.00001"), samples.atom_entry("2603.00002")).encode(),
    "arxiv-oai": samples.oai_list(
        samples.oai_record("2603.00001"), samples.oai_record("2603.00002")
    ).encode(),
    "arxiv-api": samples.api_page(samples.api_entry("2603.00001"), samples.api_entry("2603.00002")).encode(),
}
EMPTY = {
    "huggingface": b"[]",
    "arxiv": samples.atom_feed().encode(),
    "arxiv-oai": samples.oai_error("noRecordsMatch", "nothing").encode(),
    "arxiv-api": samples.api_page().encode(),
}

Make = Callable[[str], Source]


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(
        user_agent="test",
        now=lambda: NOW,
        timeout=timedelta(seconds=10),
        largest_body=2**20,
        tries=2,
        sleep=lambda _: None,
        random=Random(1),
    )
    yield made
    made.close()


@pytest.fixture
def configured(feeds: FeedServer) -> Settings:
    return Settings(
        huggingface_url=feeds.address,
        arxiv_rss_url=feeds.address,
        arxiv_oai_url=f"{feeds.address}/oai",
        arxiv_api_url=f"{feeds.address}/api/query",
        arxiv_categories=("cs.AI", "cs.CV"),
    )


@pytest.fixture
def make(configured: Settings, fetcher: Fetcher) -> Make:
    return lambda name: source_named(name, configured, fetcher, FreePacer())


def gathered(
    source: Source, since: date = TODAY
) -> tuple[list[Sighting], list[Rejected], DigestError | None]:
    """Take all that a source gives, and the error that ended it."""
    sightings: list[Sighting] = []
    rejected: list[Rejected] = []
    try:
        for item in source.fetch(since, NOW):
            if isinstance(item, Sighting):
                sightings.append(item)
            else:
                rejected.append(item)
    except DigestError as error:
        return sightings, rejected, error
    return sightings, rejected, None


def ids(sightings: list[Sighting]) -> set[str]:
    return {sighting.paper.id for sighting in sightings}


every_source = pytest.mark.parametrize("name", PATHS)


@every_source
def test_a_good_answer_gives_its_papers(feeds: FeedServer, make: Make, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name]))
    sightings, rejected, error = gathered(make(name))
    assert (ids(sightings), rejected, error) == ({"2603.00001", "2603.00002"}, [], None)
    assert make(name).name == name
    for sighting in sightings:
        assert sighting.paper.title.startswith("Counting Gulls")
        assert "\n" not in sighting.paper.title
        assert sighting.paper.authors[0] == "Ada Fern"


@every_source
def test_an_empty_answer_is_no_error(feeds: FeedServer, make: Make, name: str) -> None:
    feeds.serve(PATHS[name], Reply(EMPTY[name]))
    assert gathered(make(name)) == ([], [], None)


@every_source
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_feed_is_asked_again(feeds: FeedServer, make: Make, name: str, status: int) -> None:
    feeds.serve(PATHS[name], Reply(status=status, headers={"Retry-After": "1"}), Reply(GOOD[name]))
    sightings, _, error = gathered(make(name))
    assert (ids(sightings), error) == ({"2603.00001", "2603.00002"}, None)


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
def test_a_bad_answer_is_one_clear_error(
    feeds: FeedServer, make: Make, name: str, reply: Reply, kind: type[DigestError], words: str
) -> None:
    feeds.serve(PATHS[name], reply)
    sightings, rejected, error = gathered(make(name))
    assert (sightings, rejected) == ([], [])
    with pytest.raises(kind, match=words):
        raise error or AssertionError("no error")
    assert "\n" not in str(error)


@every_source
def test_a_silent_feed_is_one_clear_error(feeds: FeedServer, configured: Settings, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name], silence=20))
    impatient = Fetcher(user_agent="test", now=lambda: NOW, timeout=timedelta(seconds=0.1), tries=1)
    sightings, _, error = gathered(source_named(name, configured, impatient, FreePacer()))
    impatient.close()
    assert sightings == []
    assert isinstance(error, TryLater)
    assert "did not answer within 0.1 seconds" in str(error)


@every_source
def test_half_a_body_keeps_its_complete_entries(feeds: FeedServer, make: Make, name: str) -> None:
    # Cut inside the second paper.
    half = GOOD[name][: GOOD[name].rindex(b"2603.00002") + 10]
    feeds.serve(PATHS[name], Reply(half, declared_length=len(GOOD[name])))
    sightings, _, error = gathered(make(name))
    assert ids(sightings) == {"2603.00001"}
    assert isinstance(error, TryLater)
    assert "broke off in the middle of its answer" in str(error)
    assert "were kept" in str(error)


@every_source
def test_a_huge_body_keeps_what_fits(feeds: FeedServer, make: Make, name: str) -> None:
    start = GOOD[name][: GOOD[name].rindex(b"2603.00002") + 10]
    filler = b" gulls" * 100_000
    # 50 MB of one endless entry after a good one.
    feeds.serve(PATHS[name], lambda _: Reply(start + filler, repeated=50))
    started = time.perf_counter()
    sightings, _, error = gathered(make(name))
    assert ids(sightings) == {"2603.00001"}
    assert isinstance(error, TryLater)
    assert "answered more than 1 MB" in str(error)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("name", [name for name in PATHS if name != "huggingface"])
@pytest.mark.parametrize("bomb", [samples.ENTITY_BOMB, samples.EXTERNAL_ENTITY])
def test_entity_bombs_are_refused(feeds: FeedServer, make: Make, name: str, bomb: str) -> None:
    feeds.serve(PATHS[name], Reply(bomb.encode()))
    sightings, _, error = gathered(make(name))
    assert sightings == []
    assert isinstance(error, TryLater)
    assert "refused" in str(error)


@every_source
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "no-such-charset"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_wrong_charset_is_forgiven(
    feeds: FeedServer, make: Make, name: str, charset: str, encoding: str
) -> None:
    text = GOOD[name].decode().replace("Ada Fern", "Ada Möwe").replace("<keyname>Fern", "<keyname>Möwe")
    body = text.encode(encoding)
    feeds.serve(PATHS[name], Reply(body, headers={"Content-Type": f"application/xml; charset={charset}"}))
    sightings, _, error = gathered(make(name))
    assert error is None
    assert sightings[0].paper.authors[0] == "Ada Möwe"


@every_source
def test_a_bad_item_costs_itself_alone(feeds: FeedServer, make: Make, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name].replace(b"2603.00001", b"2613.00001")))
    sightings, rejected, error = gathered(make(name))
    assert (ids(sightings), error) == ({"2603.00002"}, None)
    assert rejected
    assert rejected[0].where.startswith(f"{name} ")
    assert "is no paper id" in rejected[0].reason


# Hugging Face


def test_a_daily_paper_brings_its_popularity(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/api/daily_papers", Reply(samples.daily_page(samples.daily_item())))
    [sighting], _, _ = gathered(make("huggingface"))
    assert sighting.popularity == Popularity(NOW, upvotes=12, comments=3, stars=7)
    paper = sighting.paper
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


def test_daily_papers_are_asked_for_by_weekday_and_page(feeds: FeedServer, make: Make) -> None:
    def answer(request: Request) -> Reply:
        number = int(request.query["p"])
        day = request.query["date"].replace("-", "")[4:]
        size = 100 if (number, day) == (0, "0302") else 1
        first = number * 100 + int(day)
        return Reply(samples.daily_page(*(samples.daily_item(f"2603.{first + n:05}") for n in range(size))))

    feeds.serve("/api/daily_papers", answer)
    sightings, _, _ = gathered(make("huggingface"), since=date(2026, 2, 27))
    asked = [(request.query["date"], request.query["p"]) for request in feeds.requests]
    assert asked == [
        ("2026-02-27", "0"),
        ("2026-03-02", "0"),
        ("2026-03-02", "1"),
        ("2026-03-03", "0"),
        ("2026-03-04", "0"),
    ]
    assert len(sightings) == 104
    assert gathered(make("huggingface"), since=date(2026, 3, 5)) == ([], [], None)


def test_what_the_api_says_is_passed_on(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/api/daily_papers", Reply(b'{"error": "Invalid date"}'))
    with pytest.raises(TryLater, match=r"no JSON list \(it says: Invalid date\)"):
        list(HuggingFace(feeds.address, fetcher).fetch(TODAY, NOW))


# arXiv's feeds


def test_announcements_are_dated_and_replacements_are_not(feeds: FeedServer, make: Make) -> None:
    kinds = ["new", "cross", "replace", "replace-cross"]
    entries = [samples.atom_entry(f"2603.0000{n}", kind) for n, kind in enumerate(kinds)]
    feeds.serve("/atom/cs.AI+cs.CV", Reply(samples.atom_feed(*entries).encode()))
    sightings, _, _ = gathered(make("arxiv"))
    assert [sighting.paper.announced_on for sighting in sightings] == [
        date(2026, 3, 3),
        date(2026, 3, 3),
        None,
        None,
    ]
    paper = sightings[0].paper
    assert paper.abstract.startswith("We teach a lighthouse")
    assert paper.categories == ("cs.CV", "cs.AI")
    assert paper.authors == ("Ada Fern", "René Moss (Coast Lab, North)", "Li Reed")


def test_rss_says_the_same_as_atom(feeds: FeedServer, make: Make) -> None:
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


def test_a_full_feed_is_asked_for_category_by_category(feeds: FeedServer) -> None:
    many = samples.atom_feed(*(samples.atom_entry(f"2603.{n:05}") for n in range(1, 2001)))
    assert len(many) > 2**20
    fetcher = Fetcher(user_agent="test", now=lambda: NOW)
    feeds.serve("/atom/cs.AI+cs.CV", Reply(many.encode()))
    feeds.serve("/atom/cs.AI", Reply(samples.atom_feed(samples.atom_entry("2603.09001")).encode()))
    feeds.serve("/atom/cs.CV", Reply(samples.atom_feed(samples.atom_entry("2603.09002")).encode()))
    sightings, _, error = gathered(ArxivFeed(feeds.address, ("cs.AI", "cs.CV"), fetcher, FreePacer()))
    fetcher.close()
    assert error is None
    assert {"2603.00001", "2603.09001", "2603.09002"} <= ids(sightings)


# arXiv's OAI-PMH


def test_lists_are_read_to_their_end_in_each_category(feeds: FeedServer, make: Make) -> None:
    def answer(request: Request) -> Reply:
        if request.query.get("resumptionToken") == "more|cs.AI":
            return Reply(samples.oai_list(samples.oai_record("2603.00002")).encode())
        if request.query.get("set") == "cs:cs:AI":
            return Reply(
                samples.oai_list(samples.oai_record(), samples.OAI_DELETED, token="more|cs.AI").encode()
            )
        return Reply(samples.oai_list(samples.oai_record("2603.00003")).encode())

    feeds.serve("/oai", answer)
    sightings, rejected, error = gathered(make("arxiv-oai"), since=date(2026, 3, 1))
    assert (ids(sightings), rejected, error) == ({"2603.00001", "2603.00002", "2603.00003"}, [], None)
    assert feeds.requests[0].query == {
        "verb": "ListRecords",
        "metadataPrefix": "arXiv",
        "set": "cs:cs:AI",
        "from": "2026-03-01",
    }
    assert feeds.requests[1].query == {"verb": "ListRecords", "resumptionToken": "more|cs.AI"}
    paper = sightings[0].paper
    assert paper.title == "Counting Gulls"
    assert paper.abstract == "We teach a lighthouse to count gulls.\nThe gulls agree."
    assert paper.authors == ("Ada Fern", "René Moss Jr")
    assert paper.links == {"doi": "https://doi.org/10.1234/gulls"}


@pytest.mark.parametrize(
    ("record", "day"),
    [
        # A first version is dated by its stamp, if that fits its submission.
        (samples.oai_record(), date(2026, 3, 3)),
        (samples.oai_record(datestamp="2026-03-05"), date(2026, 3, 5)),
        # A stamp of a weekend, of long after, or of a later version dates nothing.
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
def test_records_are_dated_by_stamp_or_submission(
    feeds: FeedServer, make: Make, record: str, day: date | None
) -> None:
    feeds.serve("/oai", Reply(samples.oai_list(record).encode()))
    sightings, _, _ = gathered(make("arxiv-oai"))
    assert sightings[0].paper.announced_on == day


@pytest.mark.parametrize(
    ("code", "kind"),
    [("badResumptionToken", TryLater), ("badArgument", StopRun), ("cannotDisseminateFormat", StopRun)],
)
def test_the_protocols_errors_are_sorted(
    feeds: FeedServer, make: Make, code: str, kind: type[DigestError]
) -> None:
    feeds.serve("/oai", Reply(samples.oai_error(code, "no such gull").encode()))
    with pytest.raises(kind, match=code):
        list(make("arxiv-oai").fetch(TODAY, NOW))


def test_a_list_that_goes_round_ends(feeds: FeedServer, make: Make) -> None:
    feeds.serve("/oai", Reply(samples.oai_list(samples.oai_record(), token="again").encode()))
    sightings, _, error = gathered(make("arxiv-oai"))
    assert sightings
    assert isinstance(error, TryLater)
    assert "round in circles" in str(error)


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
def test_categories_have_their_sets(category: str, name: str) -> None:
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
    sightings, rejected, error = gathered(source, since=date(2026, 3, 3))
    assert (ids(sightings), rejected, error) == (set(everything), [], None)
    assert [request.query["start"] for request in feeds.requests] == ["0", "3", "6"]
    assert feeds.requests[0].query["search_query"] == (
        "(cat:cs.AI OR cat:cs.CV) AND submittedDate:[202602240000 TO 202603041200]"
    )
    paper = sightings[0].paper
    assert paper.announced_on == announced_on(datetime(2026, 3, 2, 18, 0, tzinfo=UTC)) == date(2026, 3, 3)
    assert paper.categories == ("cs.CV", "cs.AI")
    assert paper.authors == ("Ada Fern", "René Moss")


def test_an_empty_page_is_asked_for_again(feeds: FeedServer, make: Make) -> None:
    empty = Reply(samples.api_page(total=2).encode())
    feeds.serve("/api/query", empty, empty, Reply(GOOD["arxiv-api"]))
    sightings, _, error = gathered(make("arxiv-api"))
    assert (len(sightings), error) == (2, None)
    feeds.serve("/api/query", Reply(samples.api_page(samples.api_entry(), total=2).encode()), empty)
    sightings, _, error = gathered(make("arxiv-api"))
    assert len(sightings) == 1
    assert isinstance(error, TryLater)
    assert "empty page at 1" in str(error)


@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_search_says_why(feeds: FeedServer, make: Make, status: int) -> None:
    feeds.serve("/api/query", Reply(samples.API_ERROR.encode(), status=status))
    with pytest.raises(StopRun, match="incorrect id format for gull"):
        list(make("arxiv-api").fetch(TODAY, NOW))


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
def test_withdrawals_are_read_from_comments_and_abstracts(
    comment: str, abstract: str, withdrawn: bool
) -> None:
    assert says_withdrawn(comment, abstract) is withdrawn


def test_withdrawn_papers_are_marked(feeds: FeedServer, make: Make) -> None:
    gone = "This paper has been withdrawn"
    feeds.serve("/oai", Reply(samples.oai_list(samples.oai_record(comments=gone)).encode()))
    feeds.serve("/api/query", Reply(samples.api_page(samples.api_entry(comment=gone)).encode()))
    for name in ("arxiv-oai", "arxiv-api"):
        sightings, _, _ = gathered(make(name))
        assert all(sighting.paper.withdrawn for sighting in sightings)


# Choosing


def test_feeds_are_made_from_the_settings(fetcher: Fetcher) -> None:
    settings = Settings(holidays=("2026-03-05",))
    assert {source_named(name, settings, fetcher, FreePacer()).name for name in SOURCE_NAMES} == set(
        SOURCE_NAMES
    )
    assert holidays_of(settings) == {date(2026, 3, 5)}
    fetcher_from(settings, "1.0", lambda: NOW).close()
    with pacer_from(settings).turn():
        pass
    with pytest.raises(BadInput, match="choose from huggingface, arxiv"):
        source_named("gulls", settings, fetcher, FreePacer())
    with pytest.raises(BadInput, match="DIGEST_HOLIDAYS"):
        holidays_of(Settings(holidays=("tomorrow",)))


# Real answers, from beside the project


def test_the_real_answers_at_the_real_paths(feeds: FeedServer, make: Make, shared: Path) -> None:
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
@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_an_absurd_date_costs_its_item_alone(feeds: FeedServer, make: Make, name: str, absurd: str) -> None:
    bad = {
        "huggingface": lambda: samples.daily_page(
            samples.daily_item("2603.00001", submittedOnDailyAt=absurd), samples.daily_item("2603.00002")
        ),
        "arxiv": lambda: dated(GOOD["arxiv"], "published", absurd),
        "arxiv-oai": lambda: dated(GOOD["arxiv-oai"], "created", absurd),
        "arxiv-api": lambda: dated(GOOD["arxiv-api"], "published", absurd),
    }[name]()
    assert absurd.encode() in bad
    feeds.serve(PATHS[name], Reply(bad))
    sightings, rejected, error = gathered(make(name))
    assert error is None
    assert "2603.00002" in ids(sightings)
    # What is no date at all in the feed's form leaves the paper undated, which is no fault of the paper.
    if absurd[:4].isdigit():
        assert {one.reason for one in rejected} == {f"the date {absurd!r} is out of range"}
    assert all("out of range" in one.reason for one in rejected)


def dated(body: bytes, element: str, text: str) -> bytes:
    """Put another text into the first element of a name."""
    before, opening, rest = body.partition(f"<{element}>".encode())
    return before + opening + text.encode() + rest[rest.index(b"<") :]


def test_papers_are_had_by_their_ids_in_one_request(
    configured: Settings, fetcher: Fetcher, feeds: FeedServer
) -> None:
    feeds.serve("/api/query", Reply(GOOD["arxiv-api"]))
    found = list(arxiv_api_from(configured, fetcher, FreePacer()).papers(["2603.00001", "2603.00002"]))
    assert [one.paper.id for one in found if isinstance(one, Sighting)] == ["2603.00001", "2603.00002"]
    (request,) = feeds.requests
    assert request.query == {"id_list": "2603.00001,2603.00002", "max_results": "2"}


def test_an_id_that_arxiv_refuses_costs_itself_alone(
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
    assert sorted(one.paper.id for one in found if isinstance(one, Sighting)) == [
        "2603.00001",
        "2603.00003",
        "2603.00004",
    ]
    assert [one.where for one in found if isinstance(one, Rejected)] == ["arxiv-api 2603.99999"]
