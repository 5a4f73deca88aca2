import gzip
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from random import Random

import httpx
import pytest

from digest.errors import StopRun, TryLater
from digest.papers.sources.arxiv_feed import ArxivFeed
from digest.papers.sources.http import Fetcher, FreePacer, is_trusted_redirect, user_agent
from tests.papers.feed_server import FeedServer, Reply, feed_server
from tests.papers.fetching import NOW, Waits, make_fetcher


def test_every_request_has_the_user_agent(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/x", Reply(b"gulls"))
    answer = fetcher.get(f"{feeds.address}/x", {"a": "1 & 2"})
    assert (answer.text, answer.cut, answer.status) == ("gulls", "", 200)
    assert feeds.requests[0].headers["User-Agent"] == (
        "trending-papers-digest/1.2 (+https://papers.example.org; ops@example.org)"
    )
    assert feeds.requests[0].query == {"a": "1 & 2"}


def test_a_contact_cannot_inject_a_header() -> None:
    assert (
        user_agent("1", "https://x.example", "ops\r\nEvil: 1 ü")
        == "trending-papers-digest/1 (+https://x.example; opsEvil: 1 )"
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_feed_is_retried(feeds: FeedServer, fetcher: Fetcher, waits: Waits, status: int) -> None:
    feeds.serve("/x", Reply(status=status), Reply(status=status), Reply(b"gulls"))
    assert fetcher.get(f"{feeds.address}/x").body == b"gulls"
    assert len(waits.seconds) == 2


def test_waits_grow_and_have_jitter(feeds: FeedServer, fetcher: Fetcher, waits: Waits) -> None:
    feeds.serve("/x", Reply(status=503))
    with pytest.raises(
        TryLater, match=r"is busy or down \(it answered 503 Service Unavailable\); try again later\."
    ) as failure:
        fetcher.get(f"{feeds.address}/x")
    assert failure.value.seconds is None
    assert len(feeds.requests) == 4
    assert [round(wait, 3) for wait in waits.seconds] != [2, 4, 8]
    for wait, longest in zip(waits.seconds, (2, 4, 8), strict=True):
        assert longest / 2 <= wait <= longest


def test_a_retry_after_is_obeyed(feeds: FeedServer, fetcher: Fetcher, waits: Waits) -> None:
    date = format_datetime(NOW + timedelta(seconds=40), usegmt=True)
    feeds.serve(
        "/x",
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=503, headers={"Retry-After": date}),
        Reply(b"gulls"),
    )
    fetcher.get(f"{feeds.address}/x")
    assert 7 <= waits.seconds[0] <= 8
    assert 40 <= waits.seconds[1] <= 41


@pytest.mark.parametrize(
    "nonsense",
    [
        "soon",
        "-5",
        "",
        "٣",
        "Wed, 99 Mar 2026 12:00:00 GMT",
        "Wed, 04 Mar 99999999999999999999 12:00:00 GMT",
        "Wed, 04 Mar 2026 12:00:00 +99999999999999999999",
        "9999-99-99",
    ],
)
def test_an_invalid_retry_after_is_ignored(
    feeds: FeedServer, fetcher: Fetcher, waits: Waits, nonsense: str
) -> None:
    headers = {"Retry-After": nonsense.encode().decode("latin-1")}
    feeds.serve("/x", Reply(status=503, headers=headers), Reply(b"gulls"))
    fetcher.get(f"{feeds.address}/x")
    assert waits.seconds[0] <= 2


@pytest.mark.parametrize(
    "absurd", ["999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -1200"]
)
def test_an_absurd_retry_after_counts_as_one_day(feeds: FeedServer, fetcher: Fetcher, absurd: str) -> None:
    feeds.serve("/x", Reply(status=503, headers={"Retry-After": absurd}))
    with pytest.raises(TryLater) as failure:
        fetcher.get(f"{feeds.address}/x")
    assert failure.value.seconds is not None
    assert 86_400 <= failure.value.seconds <= 86_401


def test_a_retry_after_longer_than_the_run_ends_the_fetch(
    feeds: FeedServer, fetcher: Fetcher, waits: Waits
) -> None:
    feeds.serve("/x", Reply(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(TryLater) as failure:
        fetcher.get(f"{feeds.address}/x")
    assert failure.value.seconds is not None
    assert failure.value.seconds >= 3600
    assert waits.seconds == []
    assert len(feeds.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_stops_the_run_at_once(feeds: FeedServer, fetcher: Fetcher, status: int) -> None:
    feeds.serve("/x", Reply(status=status))
    with pytest.raises(
        StopRun, match=rf"refuses us \(it answered {status}.*check its address in the settings"
    ):
        fetcher.get(f"{feeds.address}/x")
    assert len(feeds.requests) == 1


def test_readable_errors_are_returned(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/x", Reply(b"why", status=400))
    answer = fetcher.get(f"{feeds.address}/x", readable_errors=frozenset({400}))
    assert (answer.status, answer.body) == (400, b"why")


def test_a_silent_feed_gives_one_clear_error(feeds: FeedServer, waits: Waits) -> None:
    feeds.serve("/x", Reply(b"late", silence=30))
    fetcher = make_fetcher(waits, timeout=timedelta(seconds=0.1), tries=2)
    with pytest.raises(TryLater, match=r"127\.0\.0\.1 did not answer within 0\.1 seconds"):
        fetcher.get(f"{feeds.address}/x")
    assert len(waits.seconds) == 1
    fetcher.close()


def test_an_unreachable_feed_gives_an_error(waits: Waits) -> None:
    with feed_server() as gone:
        address = gone.address
    fetcher = make_fetcher(waits, tries=2)
    with pytest.raises(TryLater, match="cannot be reached"):
        fetcher.get(address)
    fetcher.close()


def test_an_invalid_url_is_an_error_of_the_settings(fetcher: Fetcher) -> None:
    with pytest.raises(StopRun, match="check the address"):
        fetcher.get("ftp://127.0.0.1/x")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://ana:s3cret@127.0.0.1/x",
        "http://ana:s3cret@127.0.0.1:1:2/x",
        "http://ana:s3cret@127.0.0.1:port/x",
        "http://ana:s3cret@[::1/x",
        "ana:s3cret@127.0.0.1/x",
        "http://s3cret@127.0.0.1:port/x",
    ],
)
def test_an_error_shows_neither_user_nor_password_of_an_address(fetcher: Fetcher, address: str) -> None:
    with pytest.raises(StopRun, match="check the address") as refused:
        fetcher.get(address)
    assert "s3cret" not in str(refused.value)
    assert "ana" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value) or "::1" in str(refused.value)


def test_an_incomplete_body_is_requested_again(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/x", Reply(b"gul", declared_length=500), Reply(b"gulls"))
    assert fetcher.get(f"{feeds.address}/x").body == b"gulls"


def test_an_incomplete_body_is_returned_after_the_last_try(
    feeds: FeedServer, fetcher: Fetcher, waits: Waits
) -> None:
    feeds.serve("/x", Reply(b"gul", declared_length=500))
    answer = fetcher.get(f"{feeds.address}/x")
    assert answer.body == b"gul"
    assert answer.cut == "127.0.0.1 broke off in the middle of its answer"
    assert len(waits.seconds) == 3


def test_a_huge_body_is_read_up_to_the_limit(feeds: FeedServer, waits: Waits) -> None:
    feeds.serve("/x", Reply(b"gulls" * 200_000, repeated=50))
    fetcher = make_fetcher(waits, largest_body=2**20)
    started = time.perf_counter()
    answer = fetcher.get(f"{feeds.address}/x")
    assert len(answer.body) == 2**20
    assert answer.cut == "127.0.0.1 answered more than 1 MB; the rest was not read"
    assert time.perf_counter() - started < 5
    fetcher.close()


def test_a_body_that_arrives_too_slowly_is_cut(feeds: FeedServer, waits: Waits) -> None:
    feeds.serve("/x", Reply(b"gulls" * 1_000_000))
    ticks = iter(range(0, 10_000, 30))
    fetcher = make_fetcher(waits, monotonic=lambda: float(next(ticks)))
    answer = fetcher.get(f"{feeds.address}/x")
    assert "too slowly" in answer.cut
    assert 0 < len(answer.body) < 5_000_000
    fetcher.close()


def test_redirections_are_followed_up_to_a_limit(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/old", Reply(status=301, headers={"Location": "/new"}))
    feeds.serve("/new", Reply(b"gulls"))
    assert fetcher.get(f"{feeds.address}/old").body == b"gulls"
    feeds.serve("/new", Reply(status=302, headers={"Location": "/old"}))
    with pytest.raises(StopRun, match="redirects without end"):
        fetcher.get(f"{feeds.address}/old")


@pytest.mark.parametrize(("hops", "arrives"), [(5, True), (6, False)])
def test_five_redirections_are_followed(
    feeds: FeedServer, fetcher: Fetcher, *, hops: int, arrives: bool
) -> None:
    for hop in range(hops):
        feeds.serve(f"/{hop}", Reply(status=302, headers={"Location": f"/{hop + 1}"}))
    feeds.serve(f"/{hops}", Reply(b"gulls"))
    if arrives:
        assert fetcher.get(f"{feeds.address}/0").body == b"gulls"
    else:
        with pytest.raises(StopRun, match="redirects without end"):
            fetcher.get(f"{feeds.address}/0")


def test_a_redirection_to_another_host_is_not_followed(feeds: FeedServer, fetcher: Fetcher) -> None:
    with feed_server() as other:
        other.serve("/inner", Reply(b"secret"))
        for target in (f"{other.address}/inner", "http://169.254.169.254/", "file:///etc/passwd"):
            feeds.serve("/x", Reply(status=302, headers={"Location": target}))
            with pytest.raises(StopRun, match="check its address"):
                fetcher.get(f"{feeds.address}/x")
        assert other.requests == []


@pytest.mark.parametrize(
    ("target", "is_followed"),
    [
        ("https://feeds.example.org/new", True),
        ("https://www.feeds.example.org/new", True),
        ("https://feeds.example.org:443/new", True),
        ("http://www.feeds.example.org/new", False),
        ("http://feeds.example.org/new", False),
        ("https://feeds.example.org:6379/", False),
        ("https://example.org/new", False),
        ("https://evilfeeds.example.org/", False),
        ("https://feeds.example.org.evil.example/", False),
        ("https://feeds.example.org@evil.example/", False),
    ],
)
def test_redirections_stay_on_the_same_site(target: str, *, is_followed: bool) -> None:
    asked = httpx.URL("https://feeds.example.org/old")
    assert is_trusted_redirect(asked, httpx.URL(target)) is is_followed


def packed(content: bytes, members: int = 1) -> bytes:
    return gzip.compress(content) * members


def test_compressed_answers_are_decompressed(feeds: FeedServer, fetcher: Fetcher) -> None:
    for name in ("gzip", "x-gzip", "GZIP"):
        feeds.serve("/x", Reply(packed(b"gulls", 2), headers={"Content-Encoding": name}))
        answer = fetcher.get(f"{feeds.address}/x")
        assert (answer.body, answer.cut) == (b"gullsgulls", "")
    feeds.serve("/x", Reply(b"gulls", headers={"Content-Encoding": "identity"}))
    assert fetcher.get(f"{feeds.address}/x").body == b"gulls"


def test_a_damaged_compressed_answer_is_returned_up_to_the_damage(
    feeds: FeedServer, fetcher: Fetcher
) -> None:
    content = Random(1).randbytes(200_000)
    feeds.serve("/x", Reply(packed(content)[:100_000], headers={"Content-Encoding": "gzip"}))
    answer = fetcher.get(f"{feeds.address}/x")
    assert 0 < len(answer.body) < len(content)
    assert content.startswith(answer.body)
    assert "broke off" in answer.cut


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,gzip", "deflate", "br", "zstd, gzip", "gulls"])
def test_other_encodings_are_refused(feeds: FeedServer, fetcher: Fetcher, encoding: str) -> None:
    feeds.serve("/x", Reply(packed(packed(b"g" * 100_000)), headers={"Content-Encoding": encoding}))
    with pytest.raises(StopRun, match="compresses its answer in a way that was not requested"):
        fetcher.get(f"{feeds.address}/x")
    assert len(feeds.requests) == 1


LIMIT = 25 * 2**20


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zeros", lambda: b"\0" * 8 * LIMIT),
        ("elements", lambda: b"<feed>" + b"<a b=''/>" * (LIMIT // 9)),
        ("wide text", lambda: b"<feed><entry>" + b"g" * LIMIT + "\N{GRINNING FACE}".encode() * 100),
        (
            "wide texts",
            lambda: (
                b"<feed>" + (b"<a>" + b"g" * 50_000 + "\N{GRINNING FACE}</a>".encode()) * (LIMIT // 50_000)
            ),
        ),
        ("short texts", lambda: b"<feed>" + b"<a>xy</a>" * (LIMIT // 9)),
    ],
)
def test_no_answer_takes_more_memory_than_three_times_the_limit(
    feeds: FeedServer, fetcher: Fetcher, name: str, content: Callable[[], bytes]
) -> None:
    feeds.serve("/atom/cs.AI", Reply(gzip.compress(content(), 1), headers={"Content-Encoding": "gzip"}))
    source = ArxivFeed(feeds.address, ["cs.AI"], fetcher, FreePacer())
    tracemalloc.start()
    with pytest.raises(TryLater):
        list(source.fetch(NOW.date(), NOW))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * LIMIT, name
