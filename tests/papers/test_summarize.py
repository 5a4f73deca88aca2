"""The summary service: a real HTTP server answers, slowly, wrongly or not at all."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from digest.delivery.candidates import card_of
from digest.domain.paper import Popularity
from digest.errors import DigestError, StopRun, TryLater
from digest.papers.sources.huggingface import read_page
from digest.papers.summarize import MOST_FAILURES, Summarized, summarize_new
from digest.papers.summary_service import LONGEST, SummaryService
from digest.store import papers as paper_store
from digest.store import summaries as summary_store
from digest.store.database import Database
from tests.factories import TUESDAY, WEDNESDAY, add_papers, at, make_papers

SENTENCE = "Splits long plans into short ones and repairs each of them."


def chat(content: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


class ChatServer:
    """An HTTP server that counts the questions and answers as told."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.authorization: list[str | None] = []
        self.status = 200
        self.body = chat(SENTENCE)
        self.pause = 0.0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                served.asked.append(json.loads(self.rfile.read(length)))
                served.authorization.append(self.headers["Authorization"])
                assert self.path == "/v1/chat/completions"
                time.sleep(served.pause)
                with suppress(OSError):
                    self.send_response(served.status)
                    self.send_header("Content-Length", str(len(served.body)))
                    self.end_headers()
                    self.wfile.write(served.body)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def service(server: ChatServer) -> Iterator[SummaryService]:
    made = SummaryService(server.url, "a-model", "a-key", timedelta(seconds=2))
    yield made
    made.close()


def summaries(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {one.paper.id: one.paper.summary for one in paper_store.page(connection, 0, 100)}


def test_a_summary_is_asked_for_once_and_shown_in_the_mail(
    database: Database, server: ChatServer, service: SummaryService
) -> None:
    add_papers(database, *make_papers(3))
    clock = lambda: at(TUESDAY)  # noqa: E731
    assert summarize_new(database, service, 10, clock) == Summarized(3, 3)
    assert summarize_new(database, service, 10, clock) == Summarized()
    assert set(summaries(database).values()) == {SENTENCE}
    assert len(server.asked) == 3
    assert server.authorization[0] == "Bearer a-key"
    assert server.asked[0]["model"] == "a-model"
    with database.read() as connection:
        stored = paper_store.page(connection, 0, 1)[0]
    assert stored.paper.title in server.asked[0]["messages"][1]["content"] or len(server.asked) > 1
    assert card_of(stored, None).summary == SENTENCE


def test_the_budget_of_a_day_goes_to_the_papers_with_most_votes(
    database: Database, server: ChatServer, service: SummaryService
) -> None:
    add_papers(database, *make_papers(5))
    with database.begin() as connection:
        rows = paper_store.row_ids_of(connection, ["2603.00004"])
        paper_store.save_popularity(connection, [(rows["2603.00004"], Popularity(at(TUESDAY), 99))])
    summarize_new(database, service, 1, lambda: at(TUESDAY))
    assert [paper for paper, text in summaries(database).items() if text] == ["2603.00004"]
    summarize_new(database, service, 1, lambda: at(TUESDAY, 20))
    assert len(server.asked) == 1
    summarize_new(database, service, 1, lambda: at(WEDNESDAY))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", TryLater),
        (429, b"", TryLater),
        (200, b"<html>", TryLater),
        (200, b"[]", TryLater),
        (200, chat(None), TryLater),
        (200, chat("ok"), TryLater),
        (200, chat({"a": 1}), TryLater),
        (200, b"[" * 100_000, TryLater),
        (200, b"x" * 300_000, TryLater),
        (401, b"", StopRun),
        (404, b"", StopRun),
    ],
)
def test_a_bad_answer_is_an_error_that_says_what_to_do(
    server: ChatServer, service: SummaryService, status: int, body: bytes, error: type[DigestError]
) -> None:
    server.status, server.body = status, body
    with pytest.raises(error, match="summary service"):
        service.summary("A title", "An abstract.")


def test_a_slow_or_missing_service_is_given_up(server: ChatServer) -> None:
    server.pause = 1.0
    slow = SummaryService(server.url, "m", "", timedelta(seconds=0.2))
    with pytest.raises(TryLater, match="does not answer"):
        slow.summary("A title", "An abstract.")
    slow.close()
    for url in ("http://127.0.0.1:1/v1", "nonsense"):
        missing = SummaryService(url, "m", "", timedelta(seconds=1))
        with pytest.raises(TryLater, match="does not answer"):
            missing.summary("A title", "An abstract.")
        missing.close()


def test_an_answer_is_made_one_plain_sentence(server: ChatServer, service: SummaryService) -> None:
    server.body = chat('  "Builds\nplans\u202e from maps of rooms. And more. "  ')
    assert service.summary("A", "B") == "Builds plans from maps of rooms."
    server.body = chat("word " * 900)
    assert len(service.summary("A", "B")) <= LONGEST


def test_a_failing_service_is_left_alone_and_what_was_not_asked_is_asked_later(
    database: Database, server: ChatServer, service: SummaryService
) -> None:
    add_papers(database, *make_papers(40))
    server.status = 500
    done = summarize_new(database, service, 100, lambda: at(TUESDAY))
    assert MOST_FAILURES <= done.asked <= MOST_FAILURES + 8
    assert (done.stored, done.error) == (0, "The summary service answers with 500.")
    server.status = 200
    again = summarize_new(database, service, 100, lambda: at(TUESDAY))
    assert again.stored == 40 - done.asked


def test_two_processes_never_ask_for_the_same_paper(
    database: Database, server: ChatServer, service: SummaryService
) -> None:
    add_papers(database, *make_papers(20))
    done: list[Summarized] = []
    run: Callable[[], None] = lambda: done.append(summarize_new(database, service, 100, lambda: at(TUESDAY)))  # noqa: E731
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.asked for one in done) == len(server.asked) == 20


def test_old_calls_are_deleted(database: Database, service: SummaryService) -> None:
    add_papers(database, *make_papers(2))
    summarize_new(database, service, 10, lambda: at(TUESDAY))
    with database.begin() as connection:
        summary_store.delete_calls(connection, WEDNESDAY)
        assert connection.exec_driver_sql("SELECT count(*) FROM summary_calls").scalar_one() == 0


def test_the_sentence_of_hugging_face_is_stored(database: Database) -> None:
    page = [
        {"paper": {"id": "2603.00007", "title": "A title", "summary": "An abstract.", "ai_summary": SENTENCE}}
    ]
    (item,) = read_page(json.dumps(page).encode(), "huggingface", at(TUESDAY))
    paper = item.paper  # type: ignore[union-attr]
    add_papers(database, paper)
    assert summaries(database) == {"2603.00007": SENTENCE}
