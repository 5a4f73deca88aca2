import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.papers.sources.xml import decoded, parse
from tests.papers import samples

ENTRIES = frozenset({"entry"})
FEED = samples.atom_feed(samples.atom_entry("2603.00001"), samples.atom_entry("2603.00002"))


def test_entries_and_the_rest_are_separated() -> None:
    document = parse(FEED, ENTRIES)
    assert document.broken == ""
    assert [entry.words("id") for entry in document.entries] == [
        "oai:arXiv.org:2603.00001v1",
        "oai:arXiv.org:2603.00002v1",
    ]
    assert document.root.name == "feed"
    assert document.root.words("title") == "cs.AI+cs.CV updates on arXiv.org"
    assert document.root.first("entry") is None
    assert [category.attributes["term"] for category in document.entries[0].all("category")] == [
        "cs.CV",
        "cs.AI",
    ]


@settings(deadline=None)
@given(st.integers(0, len(FEED)))
def test_a_feed_cut_anywhere_keeps_its_complete_entries(length: int) -> None:
    text = FEED[:length]
    document = parse(text, ENTRIES)
    assert len(document.entries) == text.count("</entry>")
    assert bool(document.broken) == (text.rstrip() != FEED.rstrip())


@settings(deadline=None)
@given(st.text() | st.text(alphabet="<>/!&;[]\"'=ab \n-?x", max_size=80))
def test_parsing_never_raises(text: str) -> None:
    parse(text, ENTRIES)
    parse(samples.atom_feed(f"<entry><title>{text}</title></entry>"), ENTRIES)


@pytest.mark.parametrize("bomb", [samples.ENTITY_BOMB, samples.EXTERNAL_ENTITY])
def test_entities_are_refused_at_once(bomb: str) -> None:
    started = time.perf_counter()
    document = parse(bomb, ENTRIES)
    assert document.entries == []
    assert "refused" in document.broken
    assert time.perf_counter() - started < 0.5


def test_deeply_nested_elements_are_refused() -> None:
    document = parse("<feed>" + "<a>" * 100_000, ENTRIES)
    assert "nested too deep" in document.broken


@pytest.mark.parametrize("page", [samples.WEB_PAGE, "<html><p>Sorry", "\n<!-- hi --><!doctype HTML>\n<html>"])
def test_a_web_page_is_reported_as_such(page: str) -> None:
    assert "a web page (HTML)" in parse(page, ENTRIES).broken


def test_html_entities_and_control_characters_are_accepted() -> None:
    document = parse(
        "<feed><entry><title>Gulls&nbsp;&eacute;\x0b &amp; &lt;b&gt;</title></entry></feed>", ENTRIES
    )
    assert document.broken == ""
    assert document.entries[0].words("title") == "Gulls\xa0é & <b>"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("Möwen".encode(), ""),
        ("Möwen".encode(), "iso-8859-1"),
        ("Möwen".encode("latin-1"), "utf-8"),
        ("Möwen".encode("latin-1"), ""),
        ("Möwen".encode("latin-1"), "no-such-charset"),
        ("Möwen".encode("latin-1"), "base64"),
        ("Möwen".encode("utf-16"), "utf-8"),
        ("Möwen".encode("utf-8-sig"), "ascii"),
        (b"M\xc3\xb6wen \xc3\xb6\xc3\xb6 ".strip() + b" M\xc3", ""),
    ],
)
def test_a_declared_charset_is_verified(body: bytes, charset: str) -> None:
    assert decoded(body, charset).startswith("Möwen")


def test_a_declared_charset_is_used_where_utf_8_fails() -> None:
    body = '<?xml version="1.0" encoding="iso-8859-5"?><a>Чайки</a>'.encode("iso-8859-5")
    assert "Чайки" in decoded(body)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_can_be_decoded(body: bytes) -> None:
    decoded(body).encode()
