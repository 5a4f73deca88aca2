"""The preferences page as a subscriber uses it: what tests of it share."""

import httpx

from digest.domain.subscriber import Subscriber
from tests.factories import (
    BASE_URL,
    WEDNESDAY,
    links,
)
from tests.web.client import Client


def page_of(subscriber: Subscriber) -> str:
    return links().link("preferences", subscriber.key, WEDNESDAY).removeprefix(BASE_URL)


def send(client: Client, subscriber: Subscriber, action: str = "save", **fields: str | list[str]) -> str:
    """Press a button of the page; return the page that follows."""
    return _followed(client, client.post(page_of(subscriber), data={"do": action, **fields}))


def send_file(client: Client, subscriber: Subscriber, file: bytes, **fields: str | list[str]) -> str:
    """Save the form with a file; return the page that follows."""
    sent = {"file": ("library", file, "application/octet-stream")}
    return _followed(client, client.post(page_of(subscriber), data={"do": "save", **fields}, files=sent))


def _followed(client: Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/preferences/")
    followed = client.get(answer.headers["location"])
    assert followed.status_code == 200
    return followed.text


def previewed(page: str) -> str:
    """Return the preview on a page."""
    return page.partition('id="preview"')[2].partition("</section>")[0]


def look(client: Client, subscriber: Subscriber, **fields: str | list[str]) -> str:
    """Return the preview that the page's script gets for these fields."""
    answer = client.post(f"{page_of(subscriber)}/preview", data={"part": "preview", **fields})
    assert answer.status_code == 200, answer.text
    return answer.text
