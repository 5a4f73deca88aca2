import os
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest

from digest.doctor.broker import examine_broker, place_of
from tests.conftest import missing
from tests.doctor.helpers import closed_port


@pytest.mark.services
def test_an_answering_redis_is_good() -> None:
    url = os.environ.get("DIGEST_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    check = examine_broker(url)
    if "Start Redis" in check.advice:
        missing("Redis")
    assert check.state == "good"


@pytest.mark.services
def test_a_wrong_redis_password_is_reported() -> None:
    check = examine_broker("redis://nobody:s3cret@127.0.0.1:6379/0")
    if "Start Redis" in check.advice:
        missing("Redis")
    assert check.state == "bad"
    assert "refuses user or password" in check.finding
    assert "s3cret" not in repr(check)


def test_an_unreachable_redis_is_reported() -> None:
    check = examine_broker(f"redis://:s3cret@127.0.0.1:{closed_port()}/0")
    assert check.state == "bad"
    assert "no connection to Redis" in check.finding
    assert "s3cret" not in repr(check)


@pytest.fixture
def almost_redis() -> Iterator[Callable[[bytes], int]]:
    """Start servers that accept commands like Redis and answer PING with a given text."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answer: bytes) -> int:
        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while head := self.rfile.readline():
                    words = [self.rfile.readline() for _ in range(2 * int(head[1:]))]
                    self.wfile.write(answer if words[1] == b"PING\r\n" else b"+OK\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        port: int = server.server_address[1]
        return port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "does not answer"),
        (b"220 mail.example.org ready\r\n", "is not Redis"),
        (b"+READY\r\n", "is not Redis"),
        (b"-LOADING Redis is loading\r\n", "refuses commands"),
        (b"-MISCONF snapshots fail\r\n", "refuses commands"),
        (b"-NOAUTH Authentication required.\r\n", "refuses user or password"),
        (b"+PONG\r\n", "answers"),
    ],
)
def test_the_answers_of_redis_are_judged(
    answer: bytes, words: str, almost_redis: Callable[[bytes], int]
) -> None:
    check = examine_broker(f"redis://127.0.0.1:{almost_redis(answer)}/0", timeout_seconds=1)
    assert check.state == ("good" if b"PONG" in answer else "bad")
    assert words in check.finding


@pytest.mark.parametrize("url", ["redis://me:s3/cret@host", "redis://[s3cret", "s3cret", "redis://"])
def test_an_invalid_broker_url_is_not_quoted(url: str) -> None:
    check = examine_broker(url)
    assert check.state == "bad"
    assert "s3" not in repr(check)


def test_a_broker_other_than_redis_is_not_checked() -> None:
    check = examine_broker("amqp://me:s3cret@host/vhost")
    assert check.state == "warning"
    assert "s3cret" not in repr(check)
    assert place_of("redis://me:s3cret@host:6380/2") == "redis://host:6380/2"
