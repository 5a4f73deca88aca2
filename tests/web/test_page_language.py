"""The language of pages: complete translation, choice, links that carry it, and caches that never mix languages."""

import ast
import html
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import httpx
import pytest
from babel.dates import format_date

import digest.web
from digest.domain.categories import NAMES, known_category
from digest.domain.orcid import parse_orcid
from digest.domain.subscriber import Interests, Schedule, Subscriber
from digest.errors import BadInput
from digest.papers.identifiers import canonical_id
from digest.store import papers as paper_store
from digest.subscribers.addresses import parse_address
from digest.subscribers.library import LibraryReport
from digest.subscribers.links import Purpose
from digest.subscribers.signup import check_max_papers
from digest.text.languages import LANGUAGES, use_language
from digest.web.app import create_app
from digest.web.catalogue import PERIODS
from digest.web.form_tokens import LEAST
from digest.web.visitors import EXAMPLES
from digest.wiring import Container
from tests.factories import WEDNESDAY, Clock, add_papers, add_subscriber, at, make_papers, subscriber_now
from tests.pseudo_language import PSEUDO, RIGHT_TO_LEFT, unmarked, unmarked_in_html
from tests.web.client import Client, form_token_of
from tests.web.conftest import make_container
from tests.web.crawl import Crawl, path_of
from tests.web.hostile import ATTACK

NO_TEXT = re.compile(
    # The names of time zones, what somebody typed or chose, and papers as they are.
    r'<select id="(?:timezone|category)".*?</select>|<textarea.*?</textarea>|<pre.*?</pre>'
    # The descriptions of the OpenAPI document.
    r'|<(?P<tag>p|dd) lang="en" dir="ltr">.*?</(?P=tag)>'
    r"|<code>.*?</code>",
    re.DOTALL,
)


OTHER_NAMES = (
    *("The library", "1 Science Road, Exampleton", "arXiv", "BibTeX", "RIS", "UTC", "Computer Vision"),
    *LANGUAGES.values(),
    *(f"Pseudo {tag}" for tag in (PSEUDO, RIGHT_TO_LEFT)),
)
WORD = re.compile(r"[^\W\d_]{2,}")


@pytest.fixture
def crawl(pseudo_language: str, sqlite_url: str, tmp_path: Path) -> Iterator[Crawl]:
    clock = Clock(at(WEDNESDAY, 12))
    made = make_container(sqlite_url, clock, tmp_path / "outbox")
    yield Crawl(made, clock, pseudo_language)
    made.close()


def data_of(container: Container) -> tuple[list[str], set[str]]:
    """Return the names that pages show, and the words of papers, dates and what the hostile subscriber typed."""
    with container.database.read() as connection:
        stored = paper_store.find_by_row_ids(connection, range(1, 20)).values()
    texts = [text for one in stored for text in (one.paper.title, one.paper.abstract, *one.paper.authors)]
    days = [WEDNESDAY + timedelta(days) for days in (-1, 0, 28)]
    texts += [format_date(day, form, PSEUDO) for day in days for form in ("full", "MMM", "MMMM")]
    words = {word for text in (*texts, ATTACK, *PERIODS) for word in WORD.findall(text)}
    return [*NAMES, *NAMES.values(), *OTHER_NAMES, *EXAMPLES], words


def test_no_page_has_a_text_without_a_translation(crawl: Crawl) -> None:
    pages = crawl.pages
    names, words = data_of(crawl.container)
    for name, answer in pages.items():
        left = unmarked_in_html(NO_TEXT.sub("", answer.text), names)
        # What was typed can be cut within a word.
        english = {word for text in left for word in WORD.findall(text) if word not in ATTACK} - words
        assert not english, name
        if answer.text.startswith("<!DOCTYPE"):
            assert f'<html lang="{PSEUDO}">' in answer.text, name
            assert answer.headers["Content-Language"] == PSEUDO, name


@pytest.fixture
def installed(pseudo_language: str, container: Container) -> Client:
    """A client of an installation with several languages and twelve papers."""
    assert pseudo_language == PSEUDO
    add_papers(container.database, *make_papers(12), upvotes=5)
    return Client(create_app(container, timedelta(0)))


def language_of(answer: httpx.Response) -> str:
    """Return the language of a page; all its texts are in the one that it declares."""
    found = re.search(r'<html lang="(\w+)"', answer.text)
    assert found
    assert found[1] == answer.headers["Content-Language"]
    assert ("⟦" in answer.text) == (found[1] != "en")
    return found[1]


FEEDS = ("/feed.xml", "/feed.json", "/daily.xml")
PUBLIC = (
    *("/", "/?topics=gaussian+splatting", "/trending", "/trending?category=cs.CV", "/c/cs.CV", "/daily"),
    *("/daily/2026-03-03", "/t/gaussian-splatting", "/search?q=gaussian", "/search", "/papers/2603.00004"),
    *("/about", "/docs", "/subscribe", "/links"),
)


def test_the_parameter_wins_over_the_browser(installed: Client) -> None:
    for path, header, language in (
        ("/about", "", "en"),
        ("/about", "eo", PSEUDO),
        ("/about", "tlh, eo;q=0.8, en;q=0.5", PSEUDO),
        ("/about", "tlh", "en"),
        ("/about?lang=eo", "en", PSEUDO),
        ("/about?lang=en", "eo", "en"),
        ("/about?lang=tlh", "eo", PSEUDO),
        ("/about?lang=&lang=", "eo", PSEUDO),
        ("/about?lang=%FF%00", "eo", PSEUDO),
        ("/about?xlang=eo", "en", "en"),
    ):
        answer = installed.get(path, headers={"Accept-Language": header})
        assert language_of(answer) == language, (path, header)
        assert answer.headers["Vary"] == "Accept-Language"


def test_a_chosen_language_goes_along_with_every_link_and_form(installed: Client) -> None:
    for path in PUBLIC:
        chosen = installed.get(
            f"{path}{'&' if '?' in path else '?'}lang=eo", headers={"Accept-Language": "en"}
        )
        assert language_of(chosen) == PSEUDO
        links = re.findall(r'<a [^>]*?href="(/[^"]*)"(?! hreflang)', chosen.text)
        assert links
        assert not [
            link for link in links if "lang=eo" not in link and not link.endswith((".bib", ".ris", ".json"))
        ]
        for form in re.findall(r"<form.*?</form>", chosen.text, re.DOTALL):
            assert (
                "lang=eo" in form.partition(">")[0] or '<input type="hidden" name="lang" value="eo">' in form
            )
        # Where the browser asks for the language, addresses stay short. A program that reads feeds asks for none.
        asked = installed.get(path, headers={"Accept-Language": "eo"}).text
        links = re.findall(r'<a [^>]*?href="(/[^"]*)"(?! hreflang)', asked)
        assert not [link for link in links if "lang=" in link and not link.startswith(FEEDS)]
        assert 'name="lang"' not in asked


def test_a_page_names_its_translations(installed: Client) -> None:
    for path in PUBLIC:
        page = installed.get(path).text
        alternates = dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', page))
        assert set(alternates) == {"x-default", *LANGUAGES}
        for tag, address in alternates.items():
            answer = installed.get(html.unescape(address))
            assert language_of(answer) == (tag if tag in LANGUAGES else "en")
            if canonical := re.search(r'<link rel="canonical" href="([^"]+)">', answer.text):
                assert canonical[1] == address
            assert dict(re.findall(r'hreflang="([^"]+)" href="([^"]+)">', answer.text)) == alternates
        footer = page.partition("<footer")[2]
        assert re.findall(r'hreflang="([\w-]+)" lang="[\w-]+"( aria-current="true")?>', footer) == [
            (tag, ' aria-current="true"' if tag == "en" else "") for tag in LANGUAGES
        ]


def test_caches_never_mix_languages(installed: Client) -> None:
    for path in PUBLIC:
        named = f"{path}{'&' if '?' in path else '?'}lang="
        requests = [(path, ""), (path, "eo"), (path, "he"), (f"{named}eo", "en"), (f"{named}en", "eo"), (f"{named}he", "eo")]  # fmt: skip
        tags = ["en", "eo", "he", "eo", "en", "he"]
        first = [installed.get(asked, headers={"Accept-Language": header}) for asked, header in requests]
        again = [installed.get(asked, headers={"Accept-Language": header}) for asked, header in requests]
        assert [language_of(answer) for answer in first] == tags
        without_token = [
            re.sub(r'name="form_token" value="[^"]*"', "", answer.text) for answer in (*first, *again)
        ]
        assert without_token[: len(tags)] == without_token[len(tags) :]


def test_the_preview_of_the_first_page_has_a_language(installed: Client) -> None:
    for header, mark in (("en", False), ("eo", True), ("en", False)):
        answer = installed.get("/preview?topics=gaussian+splatting", headers={"Accept-Language": header})
        assert ("⟦" in answer.text) == mark
    assert "⟦" in installed.get("/preview?topics=gaussian+splatting&lang=eo").text


def test_feeds_have_a_language_and_interfaces_for_programs_are_in_english(installed: Client) -> None:
    esperanto = {"Accept-Language": "eo"}
    for path in FEEDS:
        assert "⟦" in installed.get(path, headers=esperanto).text, path
        assert "⟦" in installed.get(f"{path}?lang=eo").text, path
        assert "⟦" not in installed.get(path).text, path
    for path in ("/api/search?q=gaussian", "/api/papers/2603.09999", "/api/trending?period=decade"):
        assert "⟦" not in installed.get(path, headers=esperanto).text, path


@pytest.fixture
def reader(pseudo_language: str, container: Container) -> Subscriber:
    """A subscriber with another language than their browser."""
    return add_subscriber(container.database, topics=["gaussian splatting"], language=pseudo_language)


def test_private_pages_are_in_the_language_of_the_subscriber(installed: Client, reader: Subscriber) -> None:
    purposes: tuple[Purpose, ...] = (
        "preferences", "unsubscribe", "confirm", "undo", "archive", "opinion", "feedback",
    )  # fmt: skip
    for purpose, header in product(purposes, ("", "he")):
        link = path_of(purpose, reader) + ("?paper=2603.00004" if purpose == "feedback" else "")
        answer = installed.get(link, headers={"Accept-Language": header})
        assert answer.status_code == 200
        assert language_of(answer) == PSEUDO
        # Their links lead to pages in the same language.
        assert 'href="/about?lang=eo"' in answer.text
        assert 'hreflang="' not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_errors_are_in_the_language_of_the_subscriber(installed: Client, reader: Subscriber) -> None:
    preferences = path_of("preferences", reader)
    for form in ({"do": "nothing"}, {"timezone": "Atlantis"}, {"hour": "x"}):
        answer = installed.post(preferences, data=form)
        assert answer.status_code == 422
        assert language_of(answer) == PSEUDO
    assert language_of(installed.get(f"{path_of('digest', reader)}")) == PSEUDO
    assert language_of(installed.get("/preferences/forged", headers={"Accept-Language": "eo"})) == PSEUDO
    assert language_of(installed.get("/preferences/forged")) == "en"


def test_a_sign_up_keeps_the_language_of_its_page(installed: Client, container: Container) -> None:
    for number, (path, header) in enumerate((("/subscribe?lang=eo", "en"), ("/subscribe", "eo"))):
        page = installed.get(path, headers={"Accept-Language": header}).text
        action = re.search(r'<form class="signup" method="post" action="([^"]+)"', page)
        assert action
        assert action[1] == path
        container.clock.advance(seconds=LEAST.total_seconds())  # type: ignore[attr-defined]
        form = {"email": f"new{number}@example.org", "form_token": form_token_of(page)}
        answer = installed.post(path, data=form, headers={"Accept-Language": header})
        assert language_of(answer) == PSEUDO
        added = subscriber_now(container.database, f"new{number}@example.org")
        assert added.language == PSEUDO
        assert language_of(installed.get(path_of("confirm", added))) == PSEUDO


def test_the_language_is_one_of_the_preferences(
    installed: Client, reader: Subscriber, container: Container
) -> None:
    preferences = path_of("preferences", reader)
    page = installed.get(preferences).text
    assert re.search(r'<option value="eo" lang="eo" selected>Pseudo eo</option>', page)
    answer = installed.post(preferences, data={"language": "en"})
    assert answer.status_code == 303
    assert subscriber_now(container.database, reader.address).language == "en"
    assert language_of(installed.get(answer.headers["Location"])) == "en"
    assert installed.post(preferences, data={"language": "tlh"}).status_code == 422


def test_a_page_from_right_to_left_says_so(installed: Client) -> None:
    page = installed.get("/trending", headers={"Accept-Language": "he"}).text
    assert '<html lang="he" dir="rtl">' in page
    # A number after Latin words would belong to them.
    assert "\u2068Computer Vision\u2069 · \u20683 " in page
    assert '<html lang="en">' in installed.get("/").text


def test_only_english_needs_no_choice(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    for tag in [tag for tag in LANGUAGES if tag != "en"]:
        monkeypatch.delitem(LANGUAGES, tag)
    subscriber = add_subscriber(container.database)
    client = Client(create_app(container, timedelta(0)))
    for path in ("/", path_of("preferences", subscriber)):
        page = client.get(path, headers={"Accept-Language": "de"}).text
        assert "hreflang" not in page
        assert 'name="language"' not in page


@pytest.mark.parametrize(
    "wrong",
    [
        *(lambda text=text: parse_address(text) for text in (
            "bo", "@x.org", "a@", "a..b@x.org", ".a@x.org", "a.@x.org", "a@x.org.", "a@localhost", "a@x.1", "a@-x.org",
            "a@example.local", "Ada <a@example.org>",
        )),
        lambda: Schedule(timezone="Berlin"),
        lambda: Schedule(timezone="Atlantis"),
        lambda: Schedule(hour=24),
        lambda: Interests(topics=("x" * 1000,)),
        lambda: known_category("Robotics"),
        lambda: known_category("cs.XX"),
        lambda: known_category("?"),
        lambda: canonical_id("nonsense"),
        lambda: check_max_papers(99),
        lambda: parse_orcid("1"),
    ],
)  # fmt: skip
def test_what_a_form_gets_wrong_is_translated(pseudo_language: str, wrong: Callable[[], object]) -> None:
    with use_language(pseudo_language), pytest.raises(BadInput) as caught:
        wrong()
    assert re.fullmatch("⟦.*⟧", str(caught.value))


@pytest.mark.parametrize("report", [
    LibraryReport("BibTeX", 3, 3, 3, 0, 0),
    LibraryReport("BibTeX", 9, 6, 1, 1, 1, tuple("abcdefg"), is_cut=True),
])  # fmt: skip
def test_a_report_on_a_library_is_translated(pseudo_language: str, report: LibraryReport) -> None:
    with use_language(pseudo_language):
        assert unmarked(report.sentence) == []


def test_every_error_of_a_page_is_a_message() -> None:
    # The API, the operator's page and the calls of mail providers are in English.
    for path in sorted(Path(digest.web.__file__).parent.glob("*.py")):
        if path.stem in {"api", "operator", "webhooks"}:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {
                "BadInput",
                "BadLink",
                "NotFound",
                "TryLater",
            }:
                assert not isinstance(call.args[0], (ast.Constant, ast.JoinedStr)), (
                    f"{path.name}:{call.lineno}"
                )
