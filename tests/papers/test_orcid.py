"""The works of an ORCID iD, from a local server that answers as ORCID does."""

import json

import pytest

from digest.errors import NotFound, TryLater
from digest.papers.sources.http import Fetcher
from digest.papers.sources.orcid import Work, name_of, works_of
from tests.papers.feed_server import FeedServer, Reply

ORCID = "0000-0002-1825-0097"


def identifier(kind: str, value: str) -> dict[str, str]:
    return {"external-id-type": kind, "external-id-value": value}


WORKS = {
    "group": [
        {
            "external-ids": {"external-id": [identifier("doi", "10.1000/A"), identifier("eid", "2-s2.0-1")]},
            "work-summary": [
                {"title": {"title": {"value": "The first work"}}, "external-ids": None},
                {"title": {"title": {"value": "The first work, again"}},
                 "external-ids": {"external-id": [identifier("arxiv", "arXiv:1706.03762")]}},
            ],
        },
        {"external-ids": {"external-id": []}, "work-summary": [{"title": None}]},
        {"work-summary": [{"title": {"title": {"value": "The second work"}}}]},
        "nonsense",
    ]
}  # fmt: skip


def fetched(feeds: FeedServer, fetcher: Fetcher, reply: Reply) -> list[Work]:
    feeds.serve(f"/v3.0/{ORCID}/works", reply)
    return works_of(ORCID, f"{feeds.address}/v3.0", fetcher)


def test_each_group_of_records_is_one_work(feeds: FeedServer, fetcher: Fetcher) -> None:
    assert fetched(feeds, fetcher, Reply(json.dumps(WORKS).encode())) == [
        Work("The first work", ("10.1000/A", "arXiv:1706.03762")),
        Work("The second work", ()),
    ]
    assert feeds.requests[0].headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b"", NotFound),
        (409, b"{}", NotFound),
        (503, b"", TryLater),
        (200, b"<html>", TryLater),
        (200, b"[" * 100_000, TryLater),
    ],
    ids=["unknown", "locked", "down", "no JSON", "too deep"],
)
def test_an_answer_without_works_is_an_error_that_says_so(
    feeds: FeedServer, fetcher: Fetcher, status: int, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        fetched(feeds, fetcher, Reply(content, status=status))


@pytest.mark.parametrize("document", [{}, [], {"group": None}, {"group": [{"work-summary": 3}]}, 7])
def test_a_strange_document_has_no_works(feeds: FeedServer, fetcher: Fetcher, document: object) -> None:
    assert fetched(feeds, fetcher, Reply(json.dumps(document).encode())) == []


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ({"given-names": {"value": "Josiah"}, "family-name": {"value": "Carberry"}}, "Josiah Carberry"),
        (
            {"given-names": {"value": "Josiah"}, "family-name": None, "credit-name": {"value": "J. C."}},
            "J. C.",
        ),
        ({"given-names": {"value": "A|B\n"}, "family-name": {"value": "C"}}, "A B C"),
        ({"credit-name": {"value": "x" * 9999}}, "x" * 100),
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_a_name_is_as_papers_print_it(
    feeds: FeedServer, fetcher: Fetcher, name: object, printed: str
) -> None:
    feeds.serve(f"/v3.0/{ORCID}/person", Reply(json.dumps({"name": name}).encode()))
    assert name_of(ORCID, f"{feeds.address}/v3.0", fetcher) == printed
