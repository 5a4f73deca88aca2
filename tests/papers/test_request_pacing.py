"""Pacing of requests to arXiv."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest

from digest.papers.sources.http import Fetcher, IntervalPacer
from tests.papers.feed_server import FeedServer, Reply, Request
from tests.papers.fetching import Waits, make_fetcher


def test_turns_are_a_pause_apart() -> None:
    waits = Waits()
    ticks = iter([0.0, 1.0, 2.5, 3.0, 20.0, 21.0])
    pacer = IntervalPacer(timedelta(seconds=3), sleep=waits, monotonic=lambda: next(ticks))
    with pacer.turn():
        pass  # ended at 1.0: the next may start at 4.0
    with pacer.turn():
        pass  # asked at 2.5, ended at 3.0
    with pacer.turn():
        pass  # asked at 20.0
    assert waits.seconds == [1.5]


def test_turns_are_released_after_an_error() -> None:
    pacer = IntervalPacer(timedelta(0))
    with pytest.raises(ValueError, match="gull"), pacer.turn():
        raise ValueError("gull")
    with pacer.turn():
        pass


def test_threads_send_one_request_at_a_time_with_pauses(feeds: FeedServer) -> None:
    pause = 0.1

    def slow(_request: Request) -> Reply:
        return Reply(b"gulls", silence=0.02)

    feeds.serve("/x", slow)
    pacer = IntervalPacer(timedelta(seconds=pause))
    fetcher = make_fetcher(Waits())
    threads = [
        threading.Thread(target=fetcher.get, args=(f"{feeds.address}/x",), kwargs={"pacer": pacer})
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetcher.close()
    times = sorted(request.at for request in feeds.requests)
    assert len(times) == 5
    assert feeds.most_at_once == 1
    assert min(later - earlier for earlier, later in pairwise(times)) >= pause


def test_retries_and_redirections_wait_for_their_turn_too(feeds: FeedServer, fetcher: Fetcher) -> None:
    feeds.serve("/old", Reply(status=503), Reply(status=301, headers={"Location": "/new"}))
    feeds.serve("/new", Reply(b"gulls"))
    pauses = Waits()
    pacer = IntervalPacer(timedelta(seconds=3), sleep=pauses)
    fetcher.get(f"{feeds.address}/old", pacer=pacer)
    assert len(feeds.requests) == 3
    assert len(pauses.seconds) == 2
    assert all(2.5 < wait <= 3 for wait in pauses.seconds)
