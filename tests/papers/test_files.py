import gzip
import json
import re
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.errors import BadInput
from digest.papers.identifiers import title_id
from digest.papers.sources.common import Rejected
from digest.papers.sources.files import read_file
from tests.papers import samples

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LONG = samples.ABSTRACT


def found(path: Path) -> tuple[list[FeedItem], list[Rejected]]:
    items = list(read_file(path, NOW))
    return (
        [item for item in items if isinstance(item, FeedItem)],
        [item for item in items if isinstance(item, Rejected)],
    )


def papers(path: Path) -> list[Paper]:
    items, rejected = found(path)
    assert rejected == []
    return [item.paper for item in items]


def saved(tmp_path: Path, content: str | bytes, name: str = "papers.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "2603.00001",
        "title": "Counting Gulls",
        "abstract": "We count $L^2$ gulls.",
        "authors": ["Ada Fern", "Ren\\'e Moss"],
        "categories": ["cs.CV", "cs.AI"],
        "date": "2026-03-03",
    } | changes


def lines_of(*records: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in records)


# JSON records


def test_a_record_becomes_a_paper(tmp_path: Path) -> None:
    items, rejected = found(saved(tmp_path, lines_of(record(upvotes=5), record(id="2603.00002v3"))))
    assert rejected == []
    assert items[0] == FeedItem(
        Paper(
            id="2603.00001",
            title="Counting Gulls",
            abstract="We count L² gulls.",
            authors=("Ada Fern", "René Moss"),
            categories=("cs.CV", "cs.AI"),
            announced_on=date(2026, 3, 3),
            raw_title="Counting Gulls",
            raw_abstract="We count $L^2$ gulls.",
        ),
        Popularity(NOW, upvotes=5),
    )
    assert items[1].paper.id == "2603.00002"
    assert items[1].popularity is None


def test_only_title_and_abstract_are_required(tmp_path: Path) -> None:
    [paper] = papers(saved(tmp_path, lines_of({"title": "Counting Gulls", "abstract": "We count."})))
    assert paper.id == title_id("Counting Gulls")
    assert (paper.announced_on, paper.authors, paper.categories) == (None, (), ())


def test_bad_lines_affect_only_themselves_and_are_reported(tmp_path: Path) -> None:
    bad = {
        "[1, 2]": "the line is not a JSON object",
        '"gulls"': "the line is not a JSON object",
        '{"id": "2603.00001"': "the line is not JSON (expecting ',' delimiter at character 20)",
        "{nonsense}": "the line is not JSON (expecting property name enclosed in double quotes at character 2)",
        "[" * 100_000: "the line is not JSON (nested too deep)",
        '{"upvotes": ' + "9" * 5_000 + "}": "the line is not JSON (a number is too long)",
        json.dumps(
            record(id="gulls")
        ): "'gulls' is not a paper id; give one like 2508.13426 or math/0611800, a DOI, or its address.",
        json.dumps(record(id=7)): "the id must be text",
        json.dumps(record(title=None)): "the title is missing",
        json.dumps(record(title=" \u200b ")): "the title is missing",
        json.dumps(record(title=["Gulls"])): "the title must be text",
        json.dumps(record(title="G" * 10_000)): "the title is 10,000 characters long; the most is 1,000",
        json.dumps(
            record(abstract="g" * 30_000)
        ): "the abstract is 30,000 characters long; the most is 20,000",
        json.dumps({"title": "Gulls"}): "the abstract is missing",
        json.dumps(record(authors="Ada Fern")): "the authors must be a list of texts",
        json.dumps(record(authors=["Ada", None])): "the authors must be a list of texts",
        json.dumps(record(authors=["A" * 2_000])): "an author's name is longer than 1000 characters",
        json.dumps(record(categories={"cs.CV": 1})): "the categories must be a list of texts",
        json.dumps(record(date="03/03/2026")): "the date must be written YYYY-MM-DD",
        json.dumps(record(date=20260303)): "the date must be written YYYY-MM-DD",
        json.dumps(record(upvotes="5")): "the upvotes must be a whole number, 0 or more",
        json.dumps(record(upvotes=True)): "the upvotes must be a whole number, 0 or more",
        json.dumps(record(upvotes=-1)): "the upvotes must be a whole number, 0 or more",
    }
    good = json.dumps(record())
    items, rejected = found(saved(tmp_path, "\n".join([good, "", *bad, good]), "gulls.jsonl"))
    assert len(items) == 2
    assert [(one.where, one.reason) for one in rejected] == [
        (f"gulls.jsonl:{number}", reason) for number, reason in enumerate(bad.values(), 3)
    ]


def test_lines_that_are_not_text_or_too_long_are_reported(tmp_path: Path) -> None:
    good = lines_of(record()).encode()
    content = good + b'{"title": "\xff\xfe"}\n' + b'{"title": "' + b"g" * 3_000_000 + b'"}\n' + good
    items, rejected = found(saved(tmp_path, content))
    assert len(items) == 2
    assert [one.where for one in rejected] == ["papers.txt:2", "papers.txt:3"]
    assert rejected[0].reason == "the line is not UTF-8 text"
    assert rejected[1].reason == "the line is longer than 1,000,000 bytes"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_byte_order_marks_and_line_endings_do_not_matter(tmp_path: Path, ending: str) -> None:
    text = "\ufeff" + ending.join(json.dumps(record(id=f"2603.0000{n}")) for n in (1, 2))
    assert len(papers(saved(tmp_path, text))) == 2


def test_hostile_texts_are_cleaned(tmp_path: Path) -> None:
    title = "Evil\r\nBcc: gull@example.org \u202eslluG\u202c <script> \ud800 🐦"
    [paper] = papers(saved(tmp_path, lines_of(record(title=title, authors=["A\nB", "\u200b", ":"]))))
    assert paper.title == "Evil Bcc: gull@example.org slluG <script> 🐦"
    assert paper.authors == ("A B",)
    json.dumps([paper.raw_title, paper.raw_abstract]).encode()
    paper.raw_title.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_fields = ["id", "title", "abstract", "authors", "categories", "date", "upvotes"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(_fields), _json) | _json, min_size=1, max_size=4))
def test_any_json_is_a_paper_or_is_rejected(tmp_path: Path, records: list[Any]) -> None:
    items, rejected = found(saved(tmp_path, lines_of(record(), *records)))
    assert len(items) + len(rejected) == 1 + len(records)
    for item in items:
        assert item.paper.title
        assert "\n" not in item.paper.title
        repr(item).encode("utf-8", "strict")


# Compressed and damaged files


def test_compressed_files_are_detected_by_content(tmp_path: Path) -> None:
    path = saved(tmp_path, gzip.compress(lines_of(record()).encode()), "papers.dat")
    assert len(papers(path)) == 1


def test_a_truncated_compressed_file_yields_the_items_before(tmp_path: Path) -> None:
    many = lines_of(
        *(record(id=f"2603.{number:05}", title=f"{number * 7919 % 10007}") for number in range(1, 5_000))
    )
    packed = gzip.compress(many.encode())
    items, rejected = found(saved(tmp_path, packed[: len(packed) // 2], "papers.jsonl.gz"))
    assert len(items) > 1_000
    assert rejected[-1].where == "papers.jsonl.gz"
    assert rejected[-1].reason.startswith("the file breaks off or is damaged")


def test_a_damaged_file_gives_one_rejection(tmp_path: Path) -> None:
    items, rejected = found(saved(tmp_path, b"\x1f\x8b\x08\x00" + b"gulls" * 20))
    assert (items, len(rejected)) == ([], 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b" \n\n", "is empty"), (b"%PDF\x00\x01\x02", "is not text")],
)
def test_files_of_unknown_format_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        list(read_file(saved(tmp_path, content), NOW))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_file(tmp_path / "gulls.jsonl", NOW))
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_file(tmp_path, NOW))


def test_big_files_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(1, 4_001):
            file.write(json.dumps(record(id=f"2603.{number:05}", abstract=LONG * 3)) + "\n")
    tracemalloc.start()
    count = sum(1 for _ in read_file(path, NOW))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 4_000
    assert peak < 2 * 2**20


# Listing pages

CALL = "Get trending papers in your email inbox once a day!\nGet trending papers in your email inbox!\n"


def test_a_listing_page_yields_its_papers(tmp_path: Path) -> None:
    page = f"{CALL}SubscribeCounting Gulls\n{LONG}\nEchoes^2: Fog\n{LONG}\n"
    first, second = papers(saved(tmp_path, page))
    assert (first.title, second.title) == ("Counting Gulls", "Echoes²: Fog")
    assert first.id == title_id("Counting Gulls")
    assert first.abstract.startswith("We teach a lighthouse to count gulls.")
    assert "with 40% fewer lamps" in first.abstract
    assert first.announced_on is None


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("SubscribeCounting Gulls", "Counting Gulls"),
        ("Subscribeun²CLIP", "un²CLIP"),
        ("Subscribe3D Gulls", "3D Gulls"),
        ("Subscribe\nCounting Gulls", "Counting Gulls"),
        ("Counting Gulls", "Counting Gulls"),
        ("Subscriber Churn of Gulls", "Subscriber Churn of Gulls"),
        ("Subscribers and Gulls", "Subscribers and Gulls"),
        ("Subscribe to Gulls", "Subscribe to Gulls"),
    ],
)
def test_the_buttons_label_is_removed_from_the_first_title(tmp_path: Path, line: str, title: str) -> None:
    assert [paper.title for paper in papers(saved(tmp_path, f"{CALL}{line}\n{LONG}\n"))] == [title]


def test_only_the_first_title_has_the_button(tmp_path: Path) -> None:
    page = f"{CALL}SubscribeCounting Gulls\n{LONG}\nSubscribeCraft: Gulls\n{LONG}\n"
    assert [paper.title for paper in papers(saved(tmp_path, page))] == [
        "Counting Gulls",
        "SubscribeCraft: Gulls",
    ]


def test_page_text_and_gaps_are_distinguished_from_papers(tmp_path: Path) -> None:
    page = f"{CALL}\n\nPapers\n\nCounting Gulls\n\n{LONG}\n \n12\nEchoes\n{LONG}\n{LONG}\nNext page\n"
    items, rejected = found(saved(tmp_path, page))
    assert [item.paper.title for item in items] == ["Counting Gulls", "Echoes"]
    assert [one.where for one in rejected] == ["papers.txt:11", "papers.txt:14", "papers.txt:15"]
    assert rejected[0].reason == "the line is neither an abstract nor a title with one below"
    assert rejected[1].reason == "the abstract has no title above it"


def test_a_short_abstract_is_recognised_by_its_sentences(tmp_path: Path) -> None:
    short = "We count gulls. There are many of them, and they are loud, and they do not stand still for long."
    page = f"SubscribeCounting Gulls\n{LONG}\nGulls in Brief\n{short}\n"
    assert [paper.abstract for paper in papers(saved(tmp_path, page))][1] == short


_titles = st.text(
    alphabet=st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F), min_size=1, max_size=60
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_titles, min_size=1, max_size=6),
    st.sampled_from(["", CALL]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_every_title_of_a_page_is_found_again(
    tmp_path: Path, titles: list[str], call: str, ending: str
) -> None:
    titles = [f"Gulls {title}" for title in titles]
    page = call + "Subscribe" + ending.join(line for title in titles for line in (title, LONG))
    assert [paper.title for paper in papers(saved(tmp_path, page))] == [
        " ".join(title.split()) for title in titles
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\x00"), max_size=400), max_size=8))
def test_any_text_can_be_read_as_a_page(tmp_path: Path, lines: list[str]) -> None:
    path = saved(tmp_path, ("a page\n" + "\n".join(lines)).encode("utf-8", "replace"))
    for item in read_file(path, NOW):
        assert isinstance(item, Rejected) or item.paper.title


# Saved feeds: the format is detected from the content


@pytest.mark.parametrize(
    ("content", "papers_in_it"),
    [
        (samples.daily_page(samples.daily_item(), samples.daily_item("2603.00002")), 2),
        (b"[]", 0),
        (b"[" + json.dumps(record()).encode() + b"]", 1),
        (samples.atom_feed(samples.atom_entry()).encode(), 1),
        (samples.atom_feed(samples.atom_entry()).encode("utf-16"), 1),
        (samples.rss_feed(("2603.00001", "new"), ("2603.00002", "cross")).encode(), 2),
        (samples.oai_list(samples.oai_record()).encode(), 1),
        (samples.api_page(samples.api_entry(), samples.api_entry("2603.00002")).encode(), 2),
        (samples.api_page().encode(), 0),
    ],
)
def test_the_format_of_saved_feeds_is_detected(tmp_path: Path, content: bytes, papers_in_it: int) -> None:
    assert len(papers(saved(tmp_path, content))) == papers_in_it
    assert len(papers(saved(tmp_path, gzip.compress(content)))) == papers_in_it


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (samples.WEB_PAGE, r"a web page \(HTML\)"),
        ("<gulls/>", r"XML, but no feed \(it begins with <gulls>\)"),
        (samples.ENTITY_BOMB, "document type or entities of its own, which is refused"),
        (samples.EXTERNAL_ENTITY, "document type or entities of its own, which is refused"),
        (samples.API_ERROR, r"the search was refused \(incorrect id format for gull\)"),
        (samples.atom_feed(samples.atom_entry())[:-40], "breaks off"),
        ('[{"paper": {"id": "2603.0', "breaks off in item 1"),
    ],
)
def test_a_broken_feed_gives_one_rejection(tmp_path: Path, content: str, reason: str) -> None:
    _, rejected = found(saved(tmp_path, content))
    assert len(rejected) == 1
    assert rejected[0].where == "papers.txt"
    assert re.search(reason, rejected[0].reason)


# Real files


def test_real_listing_pages_are_parsed(shared: Path) -> None:
    pages = [papers(path) for path in sorted((shared / "seeds").glob("*.txt"))]
    assert [len(page) for page in pages] == [119, 249]
    everything = [paper for page in pages for paper in page]
    assert len({paper.id for paper in everything}) == 346
    assert everything[0].title == "Multi-Modal Experience Inspired AI Creation"
    assert min(len(paper.abstract) for paper in everything) > 250
    assert max(len(paper.title) for paper in everything) < 200


def test_the_real_json_lines_are_parsed(shared: Path) -> None:
    items, rejected = found(shared / "data" / "papers.jsonl.gz")
    assert rejected == []
    assert len({item.paper.id for item in items}) == 47_919


def test_real_saved_feeds_are_parsed(shared: Path) -> None:
    [daily] = papers(shared / "feeds" / "huggingface-daily_papers.json")
    assert (daily.id, daily.announced_on) == ("2602.23229", date(2026, 3, 6))
    announced = papers(shared / "feeds" / "arxiv-atom-cs.AI-2025-08-20.xml")
    assert {paper.announced_on for paper in announced} <= {date(2025, 8, 20), None}
    found_by_search = papers(shared / "feeds" / "arxiv-api" / "q_testing_s0_m100_cfe7536492ca.xml")
    assert len(found_by_search) == 100
    [old] = papers(shared / "feeds" / "arxiv-api" / "old-style-id.xml")
    assert (old.id, old.announced_on) == ("astro-ph/0601001", date(2006, 1, 3))
