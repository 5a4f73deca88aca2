"""The first page: the digest for some words before the sign-up, and a sign-up that carries them."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.domain.subscriber import Frequency, Interests, Schedule
from digest.web import visitors
from digest.web.limits import network_of
from digest.web.visitors import EXAMPLES, LONGEST_TOPICS, PREVIEWS_PER_NETWORK, topics_from
from digest.wiring import Container, templates_folder
from tests.factories import (
    BASE_URL,
    Clock,
    add_papers,
    deliveries_of,
    make_papers,
    papers_of,
    subscriber_now,
)
from tests.web.client import Client, form_token_of
from tests.web.conftest import dump
from tests.web.preferences_page import previewed
from tests.web.test_signup import mails


@pytest.fixture
def library(client: Client, container: Container) -> Client:
    add_papers(container.database, *make_papers(12))
    add_papers(container.database, *make_papers(2, first=40, subject="speech"), upvotes=30)
    return client


def preview(client: Client, topics: str) -> str:
    answer = client.get("/preview", params={"topics": topics})
    assert answer.status_code == 200, answer.text
    return answer.text


def papers_in(page: str) -> list[str]:
    """Return the ids of the papers of a preview, in its order."""
    return re.findall(r'<a dir="auto" href="/papers/([^"]+)"', previewed(page))


def test_words_that_nothing_fits_are_answered_with_what_everyone_reads(library: Client) -> None:
    page = preview(library, "herring gulls")
    assert "No new paper fits these words well enough" in page
    assert papers_in(page)
    assert "No new paper fits" not in preview(library, "")


def link_in(outbox: Path, purpose: str) -> str:
    """Return the path of a link in the newest mail."""
    part = mails(outbox)[-1].get_body(("plain",))
    assert part is not None
    return str(re.findall(rf"{re.escape(BASE_URL)}(/{purpose}/\S+)", part.get_content())[0])


def test_words_give_a_digest_with_reasons_and_nothing_is_stored(
    library: Client, container: Container
) -> None:
    before = dump(container)
    page = library.get("/", params={"topics": "protein folding"}).text
    assert "Matches <em>protein folding</em>" in previewed(page)
    assert 'value="protein folding"' in page
    assert page.count('type="hidden" name="topics" value="protein folding"') == 1
    assert papers_in(page) == papers_in(preview(library, "protein folding"))
    # Without words: what everyone reads.
    assert papers_in(preview(library, ""))[:2] == ["2603.00040", "2603.00041"]
    assert dump(container) == before


def test_the_welcome_holds_what_the_preview_showed(
    library: Client, container: Container, tmp_path: Path
) -> None:
    shown = papers_in(preview(library, "robots, protein folding"))
    library.request_mail("ada@example.org", topics="robots, protein folding")
    library.post(link_in(tmp_path / "outbox", "confirm"))
    ada = subscriber_now(container.database, "ada@example.org")
    (welcome,) = [row for row in deliveries_of(container.database, ada) if row.kind == "welcome"]
    assert welcome.status == "sent"
    assert sorted(papers_of(container.database, welcome.id)) == sorted(shown)


def test_a_sign_up_carries_words_time_and_days(library: Client, container: Container, tmp_path: Path) -> None:
    library.request_mail(
        "ada@example.org",
        topics=" protein\u202e  folding ",
        timezone="Asia/Tokyo",
        hour="18",
        frequency="weekdays",
        categories="cs.LG",
    )
    ada = subscriber_now(container.database, "ada@example.org")
    assert ada.schedule == Schedule("Asia/Tokyo", 18, Frequency.WEEKDAYS)
    assert ada.interests == Interests(topics=("protein folding",), categories=("cs.LG",))
    assert "protein" not in mails(tmp_path / "outbox")[0].as_string()
    link = link_in(tmp_path / "outbox", "confirm")
    asked = library.get(link).text
    assert "<strong>protein folding</strong>, on weekdays at 18:00 (Asia/Tokyo)" in asked
    confirmed = library.post(link).text
    assert "You are subscribed" in confirmed
    assert "is on its way" in confirmed
    assert "Matches <em>protein folding</em>" in previewed(confirmed)


def test_a_paper_page_signs_up_for_papers_like_it(library: Client, container: Container) -> None:
    library.request_mail("ada@example.org", like="2603.00003")
    page = library.get("/papers/2603.00003").text
    assert '<input type="hidden" name="like" value="2603.00003">' in page
    with container.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from profiles").scalar_one() == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"timezone": "Mars/Olympus"}, 200),
        ({"timezone": "../../etc/passwd"}, 200),
        ({"hour": "25"}, 422),
        ({"hour": "noon"}, 422),
        ({"frequency": "hourly"}, 422),
        ({"categories": "no category"}, 422),
        ({"like": "nonsense"}, 422),
        ({"topics": "x" * 501}, 422),
    ],
    ids=str,
)
def test_only_a_time_zone_may_be_unknown(library: Client, fields: dict[str, str], status: int) -> None:
    answer = library.request_mail("ada@example.org", **fields)
    assert answer.status_code == status
    assert ("Check your inbox" in answer.text) == (status == 200)


def test_a_form_sent_too_soon_keeps_what_was_typed(
    library: Client, container: Container, clock: Clock
) -> None:
    typed = {
        "email": "ada@example.org",
        "topics": "robots",
        "timezone": "Asia/Tokyo",
        "hour": "18",
        "frequency": "weekly",
        "like": "2603.00003",
    }
    again = library.post(
        "/subscribe", data={**typed, "form_token": form_token_of(library.get("/").text)}
    ).text
    assert "Once more, please" in again
    for name in ("email", "topics", "timezone", "like"):
        assert re.search(rf'name="{name}"[^>]* value="{re.escape(typed[name])}"', again), name
    assert '<option value="18" selected>' in again
    assert '<option value="weekly" selected>' in again
    clock.advance(seconds=3)
    library.post("/subscribe", data={**typed, "form_token": form_token_of(again)})
    assert subscriber_now(container.database, "ada@example.org").schedule.hour == 18


def test_previews_are_limited_by_network_and_cached_ones_are_not(library: Client) -> None:
    page = preview(library, "robots")
    context = library.app.state.context
    while context.previews.hit(PREVIEWS_PER_NETWORK, network_of(library.host)):
        pass
    # In these tests pages are cached for one revision, which changes with every request.
    context.catalogue._recheck = 60.0
    refused = library.get("/preview?topics=proteins")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3600"
    other = Client(library.app, "192.0.2.2")
    assert papers_in(preview(other, "robots")) == papers_in(page)
    assert preview(library, "robots") == preview(other, "robots")
    assert library.get("/").status_code == 200


def test_equal_words_are_made_once(library: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def count(*arguments: object) -> object:
        made.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    real = visitors.preview_for
    monkeypatch.setattr(visitors, "preview_for", count)
    library.app.state.context.catalogue._recheck = 60.0
    for words in ("robots", "  robots ", "robots\u200b"):
        preview(library, words)
    assert len(made) == 1


def test_other_sites_get_a_title_and_a_picture(library: Client) -> None:
    page = library.get("/").text
    tags = dict(re.findall(r'<meta property="(og:[a-z:_]+)" content="([^"]*)">', page))
    assert tags["og:title"] == "Trending papers"
    assert tags["og:url"] == f"{BASE_URL}/"
    assert tags["og:image"].startswith(f"{BASE_URL}/static/share.png?")
    assert library.get(tags["og:image"]).headers["content-type"] == "image/png"
    for picture in re.findall(r'(?:src|srcset)="(/static/mail[^"]*)"', page):
        assert library.get(picture).headers["content-type"] == "image/webp"


def test_the_first_view_is_light(library: Client) -> None:
    static = templates_folder() / "static"
    files = sum((static / name).stat().st_size for name in ("site.css", "site.js", "icon.svg", "mail.webp"))
    assert len(library.get("/").content) + files < 60_000


def test_every_example_can_be_clicked_without_script(library: Client) -> None:
    page = library.get("/").text
    for words in EXAMPLES:
        assert f'href="/?topics={quote_plus(words).replace("+", "%20")}"' in page


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=400))
def test_any_words_become_one_short_line(text: str) -> None:
    words = topics_from(text)
    assert len(words) <= LONGEST_TOPICS
    assert words == words.strip()
    assert "\n" not in words
    assert topics_from(words) == words


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}"])
def test_typed_words_are_escaped(library: Client, words: str) -> None:
    for page in (library.get("/", params={"topics": words}).text, preview(library, words)):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in previewed(page)
    assert (
        unescape(
            re.findall(r'id="topics"[^>]* value="([^"]*)"', library.get("/", params={"topics": words}).text)[
                0
            ]
        )
        == words
    )
