"""Pooled connections, and turns of requests to arXiv shared by all processes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from digest.errors import TryLater
from digest.mail.connection_pool import PooledTransport
from digest.mail.envelope import Connection, Envelope
from digest.mail.file_transports import MemoryTransport
from digest.papers.sources.pacing import SharedPacer
from tests.services.installation import free_port

MAIL = Envelope("a@example.org", "b@example.org", b"Subject: x\r\n\r\ny\r\n", "x")


class Counting:
    """A transport that counts its connections."""

    def __init__(self) -> None:
        self.memory = MemoryTransport()
        self.opened = 0
        self.closed = 0

    @contextmanager
    def open(self) -> Iterator[Connection]:
        self.opened += 1
        with self.memory.open() as connection:
            yield connection
        self.closed += 1


def test_batches_share_a_connection() -> None:
    counting = Counting()
    pool = PooledTransport(counting)
    for _ in range(5):
        with pool.open() as connection:
            connection.send(MAIL)
    assert (counting.opened, counting.closed, len(counting.memory.envelopes)) == (1, 0, 5)
    pool.close()
    assert counting.closed == 1


def test_concurrent_batches_have_separate_connections() -> None:
    counting = Counting()
    pool = PooledTransport(counting)
    with pool.open() as one, pool.open() as other:
        assert one is not None
        assert other is not None
    assert counting.opened == 2
    pool.close()
    assert counting.closed == 2


def test_an_idle_connection_is_closed() -> None:
    now = [0.0]
    counting = Counting()
    pool = PooledTransport(counting, timedelta(seconds=60), lambda: now[0])
    with pool.open():
        pass
    now[0] = 61
    with pool.open():
        pass
    assert (counting.opened, counting.closed) == (2, 1)


def test_a_connection_is_not_reused_after_an_error() -> None:
    counting = Counting()
    pool = PooledTransport(counting)
    with pytest.raises(RuntimeError, match="broke"), pool.open():
        raise RuntimeError("broke")
    with pool.open():
        pass
    assert counting.opened == 2


def test_without_redis_no_request_is_made_to_arxiv() -> None:
    pacer = SharedPacer(f"redis://127.0.0.1:{free_port()}/0", timedelta(seconds=3))
    with pytest.raises(TryLater, match="Redis"), pacer.turn():
        pass
    pacer.close()


@pytest.mark.services
def test_turns_of_several_processes_do_not_overlap_and_keep_the_pause(redis_url: str) -> None:
    pause = 0.3
    turns: list[tuple[float, float]] = []

    def ask() -> None:
        pacer = SharedPacer(redis_url, timedelta(seconds=pause))
        with pacer.turn():
            begun = time.monotonic()
            time.sleep(0.05)
            turns.append((begun, time.monotonic()))
        pacer.close()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(ask) for _ in range(4)]:
            done.result()
    turns.sort()
    assert all(later[0] - sooner[1] > pause - 0.02 for sooner, later in pairwise(turns))


@pytest.mark.services
def test_the_turn_of_a_crashed_process_expires(redis_url: str) -> None:
    gone = SharedPacer(redis_url, timedelta(seconds=3), hold=timedelta(seconds=0.5)).turn()
    gone.__enter__()
    begun = time.monotonic()
    with SharedPacer(redis_url, timedelta(milliseconds=1)).turn():
        assert 0.3 < time.monotonic() - begun < 5
