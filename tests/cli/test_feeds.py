"""`digest papers fetch` with good, bad and missing answers of a server.

Good papers are stored; an error is one line and a row that `digest status` shows; exit codes 0, 1, 2.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Answer, Shell
from tests.papers import samples
from tests.papers.feed_server import Answering, FeedServer, Reply, Request

PATHS = {
    "huggingface": "/api/daily_papers",
    "arxiv": "/atom/cs.CV",
    "arxiv-oai": "/oai",
    "arxiv-api": "/api/query",
}
TWO = ("2603.00001", "2603.00002")
GOOD = {
    "huggingface": samples.daily_page(*map(samples.daily_item, TWO)),
    "arxiv": samples.atom_feed(*map(samples.atom_entry, TWO)).encode(),
    "arxiv-oai": samples.oai_list(*map(samples.oai_record, TWO)).encode(),
    "arxiv-api": samples.api_page(*map(samples.api_entry, TWO)).encode(),
}
EMPTY = {
    "huggingface": b"[]",
    "arxiv": samples.atom_feed().encode(),
    "arxiv-oai": samples.oai_error("noRecordsMatch", "nothing").encode(),
    "arxiv-api": samples.api_page().encode(),
}
# Enough days to include a weekday: weekends have no daily papers.
SINCE = ("--since", f"{datetime.now(UTC).date() - timedelta(days=3)}")

every_source = pytest.mark.parametrize("name", PATHS)


@pytest.fixture
def digest(empty: Shell, feeds: FeedServer) -> Shell:
    """Return a shell whose feeds are on this machine; requests have no retries and no pauses."""
    return Shell(
        empty.folder,
        {
            **empty.environment,
            "DIGEST_HUGGINGFACE_URL": feeds.address,
            "DIGEST_ARXIV_RSS_URL": feeds.address,
            "DIGEST_ARXIV_OAI_URL": f"{feeds.address}/oai",
            "DIGEST_ARXIV_API_URL": f"{feeds.address}/api/query",
            "DIGEST_ARXIV_CATEGORIES": "cs.CV",
            "DIGEST_ARXIV_PAUSE": "0",
            "DIGEST_FETCH_TRIES": "1",
        },
    )


def fetched(digest: Shell, name: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Fetch one feed; return the exit code and the output, which must agree with the stored row."""
    answer = digest.tries("papers", "fetch", name, *SINCE, "--json", **environment)
    (line,) = answer.json
    assert "\n" not in (line["error"] or "")
    (row,) = digest.tries("status", "--json").json["feeds"]
    assert {key: row[key] for key in ("source", "status", "seen", "added", "error")} == {
        key: line[key] for key in ("source", "status", "seen", "added", "error")
    }
    return answer.code, line


def stored(digest: Shell) -> set[str]:
    return {row["id"] for row in digest("papers", "search", "lighthouse gulls", "--json").json}


@every_source
def test_good_papers_are_stored_and_a_second_fetch_changes_nothing(
    digest: Shell, feeds: FeedServer, name: str
) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name]))
    code, line = fetched(digest, name)
    assert (code, line["status"], line["added"], line["error"]) == (0, "complete", 2, "")
    assert stored(digest) == set(TWO)
    code, line = fetched(digest, name)
    assert (code, line["added"], line["changed"]) == (0, 0, 0)


@every_source
def test_an_empty_feed_is_not_an_error(digest: Shell, feeds: FeedServer, name: str) -> None:
    feeds.serve(PATHS[name], Reply(EMPTY[name]))
    code, line = fetched(digest, name)
    assert (code, line["status"], line["seen"], line["error"]) == (0, "complete", 0, "")


@every_source
def test_a_busy_feed_is_retried_after_its_retry_after(digest: Shell, feeds: FeedServer, name: str) -> None:
    busy = Reply(status=429, headers={"Retry-After": "0"})
    feeds.serve(PATHS[name], busy, Reply(GOOD[name]))
    code, line = fetched(digest, name, DIGEST_FETCH_TRIES="2")
    assert (code, line["status"], line["added"]) == (0, "complete", 2)


FAULTS = {
    "429": (Reply(status=429, headers={"Retry-After": "3600"}), "later"),
    "503": (Reply(status=503), "503"),
    "refused": (Reply(status=403), "check its address"),
    "gone": (Reply(status=404), "check its address"),
    "a web page": (Reply(samples.WEB_PAGE.encode(), headers={"Content-Type": "text/html"}), ""),
    "an entity bomb": (Reply(samples.ENTITY_BOMB.encode()), ""),
    "a file of ours": (Reply(samples.EXTERNAL_ENTITY.encode()), ""),
    "nothing at all": (Reply(b""), ""),
    "noise": (Reply(bytes(range(256)) * 40), ""),
    "silence": (Reply(b"[]", silence=30), "did not answer within 0.2 seconds"),
}


@every_source
@pytest.mark.parametrize(("reply", "hint"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_feed_gives_a_one_line_error(
    digest: Shell, feeds: FeedServer, name: str, reply: Reply, hint: str
) -> None:
    feeds.serve(PATHS[name], reply)
    code, line = fetched(digest, name, DIGEST_FETCH_TIMEOUT="0.2")
    assert (code, line["status"], line["seen"]) == (2, "failed", 0)
    assert line["error"]
    assert hint in line["error"]
    assert digest.tries("status", "--json").json["papers"] == 0


@every_source
def test_an_unreachable_feed_gives_a_one_line_error(digest: Shell, name: str) -> None:
    nowhere = {
        "DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:9",
        "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:9",
        "DIGEST_ARXIV_OAI_URL": "http://127.0.0.1:9",
        "DIGEST_ARXIV_API_URL": "http://127.0.0.1:9",
    }
    code, line = fetched(digest, name, **nowhere)
    assert (code, line["status"]) == (2, "failed")
    assert "cannot be reached" in line["error"]


@every_source
@pytest.mark.parametrize("is_cut", [True, False], ids=["connection breaks", "document ends early"])
def test_complete_papers_of_an_incomplete_body_are_stored(
    digest: Shell, feeds: FeedServer, name: str, *, is_cut: bool
) -> None:
    body = GOOD[name][: GOOD[name].rindex(b"2603.00002") + 4]
    feeds.serve(PATHS[name], Reply(body, declared_length=len(body) + 900 if is_cut else None))
    code, line = fetched(digest, name)
    assert (code, line["status"], line["added"]) == (1, "partial", 1)
    assert line["error"]
    assert stored(digest) == {"2603.00001"}


@every_source
def test_a_wrong_charset_rejects_no_paper(digest: Shell, feeds: FeedServer, name: str) -> None:
    body = GOOD[name].replace(b"Counting", "Zähling".encode("latin-1"))
    feeds.serve(PATHS[name], Reply(body, headers={"Content-Type": "text/xml; charset=klingon"}))
    code, line = fetched(digest, name)
    assert (code, line["status"], line["added"]) == (0, "complete", 2)
    assert stored(digest) == set(TWO)


@every_source
def test_a_body_of_50_megabytes_is_not_read(digest: Shell, feeds: FeedServer, name: str) -> None:
    cut = GOOD[name].rindex(b"2603.00002")
    filling = b" " * 2**20
    feeds.serve(
        PATHS[name], lambda request: Reply(GOOD[name][:cut] + filling * 50 if _is_first(request) else b"")
    )
    code, line = fetched(digest, name, DIGEST_FETCH_LIMIT_MB="2")
    assert (code, line["status"], line["added"]) == (1, "partial", 1)
    assert "more than 2 MB" in line["error"]


def _is_first(request: Request) -> bool:
    return request.query.get("p", "0") == "0" and request.query.get("start", "0") == "0"


@every_source
def test_an_invalid_item_affects_only_itself(digest: Shell, feeds: FeedServer, name: str) -> None:
    feeds.serve(PATHS[name], Reply(GOOD[name].replace(b"2603.00002", b"no-id-at-all")))
    code, line = fetched(digest, name)
    assert (code, line["status"], line["added"]) == (1, "partial", 1)
    assert line["rejected"] >= 1
    assert "no-id-at-all" in line["error"]
    assert stored(digest) == {"2603.00001"}


def test_one_paper_is_fetched_by_its_id(digest: Shell, feeds: FeedServer) -> None:
    feeds.serve(PATHS["arxiv-api"], Reply(GOOD["arxiv-api"]))
    answer = digest("papers", "fetch", "--id", "https://arxiv.org/abs/2603.00001v2", "--id", "2603.00002")
    assert [cells[:4] for cells in answer.cells] == [["arxiv-api", "complete", "2", "2"]]
    assert feeds.requests[-1].query["id_list"] == "2603.00001,2603.00002"
    assert "not a paper id" in digest.fails("papers", "fetch", "--id", "gulls")


def test_a_failing_feed_does_not_stop_the_others(digest: Shell, feeds: FeedServer) -> None:
    feeds.serve(PATHS["huggingface"], Reply(status=503))
    feeds.serve(PATHS["arxiv"], Reply(GOOD["arxiv"]))
    answer = digest.tries("papers", "fetch", *SINCE)
    assert answer.code == 1
    assert [cells[:4] for cells in answer.cells] == [
        ["huggingface", "failed", "0", "0"],
        ["arxiv", "complete", "2", "2"],
    ]
    assert stored(digest) == set(TWO)


def test_a_run_continues_and_reports_when_feeds_fail(digest: Shell, feeds: FeedServer) -> None:
    feeds.serve(PATHS["huggingface"], Reply(GOOD["huggingface"]))
    feeds.serve(PATHS["arxiv"], Reply(samples.WEB_PAGE.encode()))
    digest("subscribers", "add", "ana@example.org", "--topics", "gulls", "--confirmed")
    answer: Answer = digest.tries("run")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert answer.err.count("arxiv: ") == 1
    feeds.serve(PATHS["arxiv"], Reply(GOOD["arxiv"]))
    assert digest.tries("run", "--json").json["fetched"][1]["status"] == "complete"


def paged(pages: dict[str, bytes]) -> Answering:
    return lambda request: Reply(pages.get(request.query.get("start", "0"), EMPTY["arxiv-api"]))


def test_a_real_answer_of_hugging_face_is_parsed(digest: Shell, feeds: FeedServer, shared: Path) -> None:
    feeds.serve(
        PATHS["huggingface"], Reply((shared / "feeds" / "huggingface-daily_papers.json").read_bytes())
    )
    code, line = fetched(digest, "huggingface")
    assert (code, line["status"], line["added"], line["error"]) == (0, "complete", 1, "")
    (found,) = digest("papers", "list", "--json").json
    shown = digest("papers", "show", found["id"], "--json").json
    assert shown["popularity"]
    assert "upvotes" in found["popularity"]


def test_a_real_feed_of_arxiv_is_parsed(digest: Shell, feeds: FeedServer, shared: Path) -> None:
    body = (shared / "feeds" / "arxiv-atom-cs.AI-2025-08-20.xml").read_bytes()
    feeds.serve("/atom/cs.AI", Reply(body))
    code, line = fetched(digest, "arxiv", DIGEST_ARXIV_CATEGORIES="cs.AI")
    assert (code, line["status"], line["error"]) == (0, "complete", "")
    assert line["added"] == len(re.findall(rb"<entry>", body)) > 1
    assert line["newest_on"] == "2025-08-20"


def test_real_pages_of_the_search_are_parsed(digest: Shell, feeds: FeedServer, shared: Path) -> None:
    folder = shared / "feeds" / "arxiv-api"
    page = re.sub(
        rb"(<opensearch:totalResults[^>]*>)\d+",
        rb"\g<1>100",
        (folder / "q_testing_s0_m100_cfe7536492ca.xml").read_bytes(),
    )
    feeds.serve(PATHS["arxiv-api"], paged({"0": page}))
    code, line = fetched(digest, "arxiv-api")
    assert (code, line["status"], line["error"]) == (0, "complete", "")
    assert line["added"] == 100


def test_a_real_refusal_of_the_search_gives_a_one_line_error(
    digest: Shell, feeds: FeedServer, shared: Path
) -> None:
    body = (shared / "feeds" / "arxiv-api" / "error-400.xml").read_bytes()
    feeds.serve(PATHS["arxiv-api"], Reply(body, status=400))
    code, line = fetched(digest, "arxiv-api")
    assert (code, line["status"]) == (2, "failed")
    assert "refused" in line["error"]
