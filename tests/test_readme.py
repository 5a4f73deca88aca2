"""The ten commands of the README, run as typed: with a test server for the feeds, and without network."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.papers.calendar import last_expected
from tests.cli.shell import Answer, Shell
from tests.conftest import ROOT
from tests.papers import samples
from tests.papers.feed_server import FeedServer, Reply, Request, feed_server

LIKED = "2508.13426"
# No server listens there, so a request fails at once.
NOWHERE = "http://127.0.0.1:9"


def ten_lines() -> list[list[str]]:
    """Return the arguments of each of the ten `digest` commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^## The day, in ten lines\n```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block
    lines = [shlex.split(line, comments=True) for line in block[1].splitlines()]
    assert all(line[0] == "digest" for line in lines)
    return [line[1:] for line in lines]


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


def pointed_at(address: str, folder: Path) -> Shell:
    """Return a shell in an empty folder whose feeds are at an address."""
    return Shell(
        folder,
        {
            "DIGEST_HUGGINGFACE_URL": address,
            "DIGEST_ARXIV_RSS_URL": address,
            "DIGEST_ARXIV_API_URL": f"{address}/api/query",
            "DIGEST_ARXIV_PAUSE": "0s",
            "DIGEST_FETCH_TRIES": "1",
        },
    )


def serve_today(feeds: FeedServer, now: datetime) -> None:
    """Serve the newest day of both feeds, and the liked paper by its id. arXiv lists nothing at the weekend."""
    month = f"{now:%y%m}"
    titles = ("Long-context language models that remember", "Robot manipulation of soft cloth")
    items = [
        samples.daily_item(
            f"{month}.0000{number}",
            title=title,
            summary=f"{title}. {samples.ABSTRACT}",
            publishedAt=f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%S.000Z}",
            submittedOnDailyAt=f"{now:%Y-%m-%dT00:05:00.000Z}",
        )
        for number, title in enumerate(titles, 1)
    ]
    feeds.serve(
        "/api/daily_papers",
        lambda request: Reply(samples.daily_page(*items) if request.query.get("p", "0") == "0" else b"[]"),
    )
    atom = samples.atom_feed(
        *(samples.atom_entry(f"{month}.0000{number}", title=title) for number, title in enumerate(titles, 1))
    ).replace("2026-03-03", last_expected(now).isoformat())
    feeds.serve("/atom/cs.AI+cs.CL+cs.CV+cs.LG+stat.ML", Reply(atom.encode()))

    def by_id(request: Request) -> Reply:
        entries = [samples.api_entry(LIKED)] if LIKED in request.query.get("id_list", "") else []
        return Reply(samples.api_page(*entries).encode())

    feeds.serve("/api/query", by_id)


def run_all(shell: Shell, lines: list[list[str]]) -> list[Answer]:
    """Run the commands in order; each must exit with 0, except the doctor, which may have a warning."""
    answers = []
    for words in lines:
        answer = shell.tries(*words)
        assert answer.code == 0 or (words[0] == "doctor" and " 0 bad." in answer.out), (words, answer)
        assert "Traceback" not in answer.err
        answers.append(answer)
    return answers


def check_the_day(shell: Shell, answers: list[Answer]) -> None:
    """Check the result of the ten commands: two subscribers, a digest for one, a confirmation for the other."""
    init, fetched, found, ana, ben, preview, run, explained, deliveries, doctor = answers
    assert "digest.db" in init.out
    assert fetched.out
    assert "long-context" in found.out.lower()
    assert "ana@example.org" in ana.out
    assert "ben@example.org" in ben.out
    assert preview.out.startswith("Subject: ")
    assert "2 sent" in run.out
    assert LIKED in shell("papers", "show", LIKED).out
    assert "ALIGN" in explained.out or "Gulls" in explained.out
    kinds = {(cells[2], cells[3], cells[4]) for cells in deliveries.cells}
    assert kinds == {("digest", "ana@example.org", "sent"), ("confirm", "ben@example.org", "sent")}
    assert doctor.out
    likes = [json.loads(line) for line in shell("subscribers", "export").lines]
    assert [one["likes"] for one in likes] == [[], [LIKED]]


def test_the_ten_commands_work_as_typed(feeds: FeedServer, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    serve_today(feeds, now)
    shell = pointed_at(feeds.address, tmp_path)
    answers = run_all(shell, ten_lines())
    check_the_day(shell, answers)
    assert f"{LIKED} was fetched" in answers[4].out
    asked = [request for request in feeds.requests if "id_list" in request.query]
    assert len(asked) == 1, "a paper that is stored is not fetched again"


def test_the_ten_commands_work_without_network_on_the_sample(tmp_path: Path) -> None:
    shell = pointed_at(NOWHERE, tmp_path)
    first, *others = ten_lines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "`digest init --sample`" in readme
    answers = run_all(shell, [[*first, "--sample"], *others])
    check_the_day(shell, answers)


def test_without_network_and_sample_the_subscriber_is_added_with_a_warning(tmp_path: Path) -> None:
    shell = pointed_at(NOWHERE, tmp_path)
    lines = ten_lines()
    shell(*lines[0])
    answer = shell(*lines[4])
    assert "ben@example.org" in answer.out
    assert LIKED in answer.err
    assert "as soon as it arrives" in answer.err
    assert [cells[0] for cells in shell("subscribers", "list").cells] == ["ben@example.org"]
