"""A small load test; the one with ten thousand forms is `python -m tests.web.load`."""

from collections import Counter
from random import Random

from digest.web.limits import MAILS_PER_DOMAIN, MAILS_PER_NETWORK
from digest.wiring import Container
from tests.factories import Clock, add_subscribers
from tests.web.client import Client, form_token_of
from tests.web.load import ACCEPTED, SUBSCRIBERS, Post, allowed, exceeded, mails_of, posts


def test_under_load_the_limits_hold_and_pages_are_served(
    client: Client, container: Container, clock: Clock
) -> None:
    subscribers = {one.address for one in add_subscribers(container.database, SUBSCRIBERS)}
    asked = posts(600, 60, 30, Random(7))
    form_token = form_token_of(client.get("/subscribe").text)
    clock.advance(minutes=1)
    through = []
    for number, post in enumerate(asked):
        # The mails are planned and sent together at the end, because doing it after every form takes most of the time.
        caller = Client(client.app, post.host, works=False)
        answer = caller.post(post.path, data={"email": post.address, "form_token": form_token})
        assert answer.status_code in {200, 429}
        if ACCEPTED in answer.text:
            through.append(post)
        if number % 100 == 0:
            assert caller.get("/").status_code == 200
    client.app.state.context.request_worker.work()
    assert through == allowed(asked)
    counts = Counter(key for post in through for key in post.limits)
    assert counts["network 198.18.0.1"] == MAILS_PER_NETWORK
    assert counts["domain mail.example"] == MAILS_PER_DOMAIN
    assert exceeded(through) == {}
    wanted = {
        ("confirm" if post.path == "/subscribe" else "links", post.address)
        for post in through
        if post.path == "/subscribe" or post.address in subscribers
    }
    planned = mails_of(container.database)
    assert set(planned) == wanted
    assert len(planned) == len(wanted)


def test_exceeded_limits_are_reported() -> None:
    many = [Post(f"192.0.2.{number % 200}", "/subscribe", "a@example.org") for number in range(400)]
    assert exceeded(allowed(many)) == {}
    assert exceeded(many) == {"domain example.org": 400}
    assert len(allowed(many)) == MAILS_PER_DOMAIN
