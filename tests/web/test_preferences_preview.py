"""The preview on the preferences page: the papers that the typed settings would give."""

from datetime import datetime

import pytest

from digest.domain.subscriber import Subscriber
from digest.jobs.daily import Job, run
from digest.web.preferences import PREVIEWS
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    FRIDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_subscriber,
    at,
    delivery_context,
    links,
)
from tests.web.client import Client
from tests.web.conftest import dump
from tests.web.preferences_page import look, page_of, previewed, send


def test_saving_shows_the_preview_and_sends_nothing(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = send(client, subscriber, topics="speech recognition")
    preview = previewed(page)
    assert "Streaming speech recognition" in preview
    assert "Protein" not in preview
    assert "Matches <em>speech recognition</em>" in preview
    with container.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from deliveries").scalar() == 0


DRAFTS: list[dict[str, str | list[str]]] = [
    {"topics": "speech recognition"},
    {"topics": "speech recognition\nprotein folding", "mute": "dialect"},
    {"like": ["2603.00002", "2603.00006"]},
    {"topics": "", "pasted": "arXiv:2603.00007, 2603.00003v2"},
    {"topics": "robots", "categories": "cs.LG", "max_papers": "3", "follow": "Bo Li"},
    {"topics": "protein folding", "must": "protein|grasping"},
]


@pytest.mark.parametrize("fields", DRAFTS, ids="+".join)
def test_a_preview_equals_the_result_of_saving_and_writes_nothing(
    client: Client, container: Container, subscriber: Subscriber, fields: dict[str, str | list[str]]
) -> None:
    before = dump(container)
    shown = look(client, subscriber, **fields)
    assert dump(container) == before
    assert "<li>" in shown
    assert "<html" not in shown
    assert previewed(send(client, subscriber, "save", **fields)) == previewed(shown)
    assert dump(container) != before


def test_without_script_a_button_shows_the_preview_and_typed_values_stay(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    before = dump(container)
    typed: dict[str, str | list[str]] = {
        "topics": "speech recognition\r\nprotein folding",
        "pasted": "arXiv:2603.00007",
        "like": ["2603.00002"],
        "mute": "dialect",
        "must": "",
        "categories": "cs.LG",
        "frequency": "weekly",
        "hour": "18",
        "timezone": "Asia/Tokyo",
        "max_papers": "3",
    }
    answer = client.post(f"{page_of(subscriber)}/preview", data={"do": "save", **typed})
    assert answer.status_code == 200
    page = answer.text
    assert dump(container) == before
    assert previewed(page) == previewed(look(client, subscriber, **typed))
    for expected in (
        ">\nspeech recognition\nprotein folding</textarea>",
        ">\narXiv:2603.00007</textarea>",
        'value="2603.00002" checked>',
        ">\ndialect</textarea>",
        'value="cs.LG"',
        '<option value="weekly" selected>',
        '<option value="18" selected>',
        '<option value="Asia/Tokyo" selected>',
        'max="50" value="3"',
    ):
        assert expected in page, expected
    assert page.count(" checked>") == 1


def test_a_preview_does_not_hide_the_first_question_of_a_new_subscriber(
    client: Client, subscriber: Subscriber
) -> None:
    page = client.post(f"{page_of(subscriber)}/preview", data={"topics": "robots", "new": "yes"}).text
    assert "You are subscribed" in page
    assert 'name="new"' in page
    assert "What we know about you" not in page


def test_a_preview_of_invalid_input_shows_the_error(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    before = dump(container)
    for fields, said in (
        ({"categories": "cs."}, "no category"),
        ({"pasted": "2603"}, "No paper was understood"),
    ):
        shown = look(client, subscriber, **fields)
        assert said in shown
        assert 'class="preview wrong"' in shown
        assert "<li>" not in shown
        page = client.post(f"{page_of(subscriber)}/preview", data=fields)
        assert page.status_code == 422
        assert page.text.count(said) == 1
    assert dump(container) == before


def test_typed_values_stay_when_saving_fails(client: Client, subscriber: Subscriber) -> None:
    page = client.post(
        page_of(subscriber), data={"topics": "ice cores", "max_papers": "0", "like": "2603.00002"}
    )
    assert page.status_code == 422
    assert ">\nice cores</textarea>" in page.text
    assert 'value="2603.00002" checked>' in page.text


def test_hostile_text_is_escaped_when_it_is_shown_again(client: Client, subscriber: Subscriber) -> None:
    hostile = "</textarea><script>alert(1)</script>\"'{{7191*7}}\u202e"
    names = (
        "topics",
        "must",
        "mute",
        "follow",
        "categories",
        "pasted",
        "like",
        "frequency",
        "timezone",
        "hour",
    )
    fields = {**dict.fromkeys(names, hostile), "max_papers": "5", "new": hostile}
    harmless = {"topics": hostile, "follow": hostile}
    for typed, status in ((fields, 422), (harmless, 200)):
        for part, expected in (("", status), ("preview", 200)):
            answer = client.post(f"{page_of(subscriber)}/preview", data={**typed, "part": part})
            assert answer.status_code == expected
            assert "<script>alert" not in answer.text
            assert "\u202e" not in answer.text
            assert "50337" not in answer.text


def test_a_preview_requires_the_subscribers_link(client: Client, subscriber: Subscriber) -> None:
    feedback = links().link("feedback", subscriber.key, WEDNESDAY).removeprefix(BASE_URL)
    stolen = feedback.replace("/feedback/", "/preferences/")
    for path, status in ((f"{stolen}/preview", 403), ("/preferences/forged/preview", 403)):
        assert client.post(path, data={"topics": "robots"}).status_code == status
    assert client.get(f"{page_of(subscriber)}/preview").status_code == 405


def test_previews_per_subscriber_are_limited(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    other = add_subscriber(container.database, "ben@example.org")
    while client.app.state.context.previews.hit(PREVIEWS, subscriber.key):
        pass
    answer = client.post(f"{page_of(subscriber)}/preview", data={"topics": "robots"})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert "<li>" in look(client, other, topics="robots")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (at(TUESDAY, 12), "Today you would get"),
        (at(WEDNESDAY, 12), "Yesterday you would have got"),
        (at(FRIDAY, 12), "On Tuesday you would have got"),
    ],
)
def test_a_preview_on_a_day_without_papers_shows_the_last_day_with_some(
    client: Client, container: Container, subscriber: Subscriber, clock: Clock, now: datetime, said: str
) -> None:
    run(delivery_context(container.database), container.profiles, Job(), lambda: at(TUESDAY, 8))
    clock.now = now
    shown = look(client, subscriber, topics="speech recognition")
    assert said in shown
    assert "Streaming speech recognition" in shown
