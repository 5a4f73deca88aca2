"""The items of a Zotero library, from a local server that answers as Zotero's Web API does."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from digest.errors import BadInput, DigestError, NotFound, StopRun, TryLater
from digest.papers.sources.http import Fetcher
from digest.papers.sources.zotero import PAGE_SIZE, items_of, parse_library
from tests.papers.feed_server import FeedServer, Reply, Request
from tests.papers.fetching import Waits

KEY = "P9NiFoyLeZu2bZNvvuQPDWsd"
USER = "/users/475425/items/top"


def item(number: int) -> dict[str, Any]:
    data = {"key": f"K{number}", "itemType": "journalArticle", "title": f"Counting gulls {number}", "DOI": ""}
    return {"key": f"K{number}", "version": 1, "library": {"type": "user", "id": 475425}, "data": data}


def page(*items: Any, total: int | None = None, **headers: str) -> Reply:
    counted = {"Total-Results": str(len(items) if total is None else total)}
    return Reply(
        json.dumps(items).encode(), headers={"Content-Type": "application/json", **counted, **headers}
    )


def library_of(size: int, **headers: str) -> Callable[[Request], Reply]:
    """Answer as a library of this size does."""

    def answer(request: Request) -> Reply:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        return page(*map(item, range(start, min(size, start + limit))), total=size, **headers)

    return answer


def read(
    feeds: FeedServer, fetcher: Fetcher, library: str = "475425", key: str = KEY, most: int = 2_000
) -> list[Any]:
    return items_of(library, key, most, feeds.address, fetcher)


def test_all_pages_are_read_with_the_key_in_a_header(
    feeds: FeedServer, fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    feeds.serve(USER, library_of(2 * PAGE_SIZE + 3))
    with caplog.at_level(logging.DEBUG, "digest"):
        items = read(feeds, fetcher)
    assert [one["key"] for one in items] == [f"K{number}" for number in range(2 * PAGE_SIZE + 3)]
    assert [request.query["start"] for request in feeds.requests] == ["0", "100", "200"]
    for request in feeds.requests:
        assert (request.headers["Zotero-API-Key"], request.headers["Zotero-API-Version"]) == (KEY, "3")
        assert KEY not in str(request.query)
    assert KEY not in caplog.text


@pytest.mark.parametrize(("size", "requests"), [(0, 1), (PAGE_SIZE, 1), (5_000, 3)])
def test_no_page_is_asked_for_in_vain(feeds: FeedServer, fetcher: Fetcher, size: int, requests: int) -> None:
    feeds.serve(USER, library_of(size))
    assert len(read(feeds, fetcher, most=250)) == min(size, 3 * PAGE_SIZE)
    assert len(feeds.requests) == requests


def test_a_group_that_is_public_needs_no_key(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/groups/12345/items/top", page(item(1)))
    assert len(read(feeds, fetcher, "https://www.zotero.org/groups/12345/gull_watchers/library", "")) == 1
    assert "Zotero-API-Key" not in feeds.requests[0].headers


def test_without_an_id_the_library_is_that_of_the_key(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve(
        "/keys/current", Reply(json.dumps({"key": KEY, "userID": 475425, "username": "Ada"}).encode())
    )
    feeds.serve(USER, page(item(1)))
    assert len(read(feeds, fetcher, "")) == 1


def test_the_server_sets_the_pace(feeds: FeedServer, fetcher: Fetcher, waits: Waits) -> None:
    feeds.serve(USER, library_of(PAGE_SIZE + 1, Backoff="7"))
    assert len(read(feeds, fetcher)) == PAGE_SIZE + 1
    # No request follows the last one.
    assert waits.seconds == [7.0]


def test_a_pause_that_is_too_long_ends_the_reading(feeds: FeedServer, fetcher: Fetcher, waits: Waits) -> None:
    feeds.serve(USER, library_of(PAGE_SIZE + 1, Backoff="600"))
    with pytest.raises(TryLater, match="asks for a pause of 600 seconds; try again later") as refusal:
        read(feeds, fetcher)
    assert (refusal.value.seconds, waits.seconds) == (600.0, [])


def test_a_slow_server_ends_the_reading(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve(USER, library_of(5 * PAGE_SIZE))
    seconds = iter([0.0, 30.0, 59.0, 61.0])
    with pytest.raises(TryLater, match="answers too slowly; try again later, or export a file"):
        items_of("475425", KEY, 2_000, feeds.address, fetcher, lambda: next(seconds))
    assert len(feeds.requests) == 3


def test_a_busy_server_is_asked_again_when_it_said(feeds: FeedServer, fetcher: Fetcher, waits: Waits) -> None:
    feeds.serve(USER, Reply(status=429, headers={"Retry-After": "3"}), page(item(1)))
    assert len(read(feeds, fetcher)) == 1
    assert 3 <= waits.seconds[0] <= 4


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (
            Reply(b"Invalid key", status=403),
            NotFound,
            "does not let this key read the library of user 475425",
        ),
        (Reply(b"Not found", status=404), NotFound, "has no library of user 475425; check the number"),
        (Reply(b"", status=503), TryLater, "busy or down"),
        (Reply(b"", status=410), StopRun, "410"),
        (Reply(b"<html>"), TryLater, "cannot be read"),
        (Reply(b"{}"), TryLater, "cannot be read"),
        (Reply(b"[" * 100_000), TryLater, "cannot be read"),
        (Reply(b"[1, 2", declared_length=100), TryLater, "cannot be read"),
        (Reply(b" ", repeated=2**21), TryLater, "cannot be read"),
    ],
    ids=["wrong key", "unknown", "down", "gone", "HTML", "no list", "too deep", "cut", "huge"],
)
def test_each_fault_is_one_plain_line(
    feeds: FeedServer, fetcher: Fetcher, reply: Reply, error: type[DigestError], said: str
) -> None:
    feeds.serve(USER, reply)
    with pytest.raises(error, match=said) as refusal:
        read(feeds, fetcher)
    assert KEY not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_server_that_cannot_be_reached_is_one_plain_line(fetcher: Fetcher) -> None:
    with pytest.raises(TryLater, match="cannot be reached"):
        items_of("475425", KEY, 100, "http://127.0.0.1:9", fetcher)


@pytest.mark.parametrize("reply", [Reply(status=403), Reply(status=404)])
def test_an_unknown_key_is_said(feeds: FeedServer, fetcher: Fetcher, reply: Reply) -> None:
    feeds.serve("/keys/current", reply)
    with pytest.raises(NotFound, match="does not know this API key"):
        read(feeds, fetcher, "")


def test_a_key_without_an_owner_is_said(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/keys/current", Reply(b"{}"))
    with pytest.raises(TryLater, match="cannot be read"):
        read(feeds, fetcher, "")


@pytest.mark.parametrize("headers", [{}, {"Total-Results": "many"}, {"Total-Results": "9" * 99}])
def test_a_missing_total_ends_with_a_short_page(
    feeds: FeedServer, fetcher: Fetcher, headers: dict[str, str]
) -> None:
    full = Reply(json.dumps([item(number) for number in range(PAGE_SIZE)]).encode(), headers=headers)
    feeds.serve(USER, full, Reply(b"[]", headers=headers))
    assert len(read(feeds, fetcher)) == PAGE_SIZE


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("475425", "users/475425"),
        (" users/475425 ", "users/475425"),
        ("groups/12345", "groups/12345"),
        ("Group 12345", "groups/12345"),
        ("https://www.zotero.org/groups/12345/gulls/library", "groups/12345"),
        ("zotero.org/groups/12345", "groups/12345"),
    ],
)
def test_a_library_is_named_by_a_number_or_an_address(typed: str, path: str) -> None:
    assert parse_library(typed) == path


@pytest.mark.parametrize("typed", ["ada", "https://www.zotero.org/ada", "users/../keys", "1" * 20, "12 34"])
def test_another_text_is_no_library(typed: str) -> None:
    with pytest.raises(BadInput, match="is not a Zotero library; give a user ID, which is a number"):
        parse_library(typed)


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "é", "x" * 101])
def test_another_text_is_no_key(feeds: FeedServer, fetcher: Fetcher, key: str) -> None:
    with pytest.raises(BadInput, match="letters and digits only") as refusal:
        read(feeds, fetcher, key=key)
    assert key not in str(refusal.value)
    assert feeds.requests == []


def test_nothing_is_asked_without_an_id_and_a_key(feeds: FeedServer, fetcher: Fetcher) -> None:
    with pytest.raises(BadInput, match="Give a Zotero API key"):
        read(feeds, fetcher, "", "")
