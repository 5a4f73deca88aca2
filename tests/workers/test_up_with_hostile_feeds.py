"""`digest up` answers and stops while a hostile feed is being read."""

import gzip
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.papers import samples
from tests.papers.feed_server import Reply, Request, feed_server
from tests.services.installation import free_port
from tests.workers.test_up import start

COMMENTS = b"<!---->" * 60 + b"<gulls/>"


def full_of_tex() -> bytes:
    """Return 20 MB of entries with the slowest titles and abstracts that are converted."""
    entry = samples.atom_entry("2603.00001").replace(samples.ABSTRACT, "x\\frac \\hat $a$ " * 1_000)
    return samples.atom_feed(*[entry] * (20 * 2**20 // len(entry))).encode()


@pytest.mark.parametrize("body", [lambda: COMMENTS, full_of_tex], ids=["comments", "TeX"])
def test_pages_are_served_and_sigterm_stops_the_process(tmp_path: Path, body: Callable[[], bytes]) -> None:
    packed = gzip.compress(body(), 1)
    asked: list[float] = []

    def answer(request: Request) -> Reply:
        asked.append(request.at)
        return Reply(packed, headers={"Content-Encoding": "gzip"})

    with feed_server() as feeds:
        for path in ("/atom/cs.AI", "/atom/cs.AI+cs.CL"):
            feeds.serve(path, answer)
        port = free_port()
        process = start(
            tmp_path,
            "--port",
            str(port),
            DIGEST_SOURCES="arxiv",
            DIGEST_ARXIV_RSS_URL=feeds.address,
            DIGEST_ARXIV_CATEGORIES="cs.AI",
        )
        try:
            give_up_at = time.monotonic() + 60
            while not asked:
                assert time.monotonic() < give_up_at
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
            for _ in range(5):
                with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as healthy:
                    assert healthy.status == 200
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert "Stopped." in said
