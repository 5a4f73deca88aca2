"""Requests by address, unsubscribing and resubscribing, on both databases."""

from datetime import timedelta

import pytest

from digest.domain.delivery import CONFIRM_DAYS
from digest.domain.subscriber import Status, Subscriber
from digest.errors import BadInput, NotFound
from digest.store import consents as consent_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Database
from digest.subscribers.addresses import address_hash, parse_address
from digest.subscribers.consent import (
    purge_unconfirmed,
    request_confirmation_again,
    request_subscription,
    resubscribe,
    unsubscribe,
)
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import Application, confirm, subscribe
from tests.factories import (
    SECRET,
    WEDNESDAY,
    add_subscriber,
    at,
    deliveries_of,
    request_links,
    subscriber_now,
    together,
)

NOW = at(WEDNESDAY)
LATER = NOW + timedelta(days=CONFIRM_DAYS + 1)


def request(database: Database, address: str = "ada@example.org") -> Subscriber | None:
    with database.begin() as connection:
        return request_subscription(
            connection, ProfileBuilder(), SECRET, Application(parse_address(address)), NOW
        )


def test_unsubscribing_and_resubscribing_are_recorded(database: Database) -> None:
    subscriber = add_subscriber(database)
    for _ in range(2):
        unsubscribe(database, SECRET, subscriber.key, NOW, "test")
    assert subscriber_now(database, subscriber.address).status == "unsubscribed"
    back = resubscribe(database, SECRET, subscriber.key, NOW, "test")
    assert back.status == "active"
    with database.read() as connection:
        assert len(consent_store.read_consents(connection, subscriber.id)) == 3


def test_an_erased_subscriber_can_unsubscribe_but_not_resubscribe(database: Database) -> None:
    assert unsubscribe(database, SECRET, "nobody", NOW, "test") is None
    with pytest.raises(NotFound):
        resubscribe(database, SECRET, "nobody", NOW, "test")
    with pytest.raises(NotFound):
        request_confirmation_again(database, SECRET, "nobody", NOW)


def test_only_confirmed_subscribers_can_resubscribe(database: Database) -> None:
    pending = request(database)
    assert pending is not None
    unsubscribe(database, SECRET, pending.key, NOW, "test")
    assert resubscribe(database, SECRET, pending.key, NOW, "test").status == "unsubscribed"


def test_only_unconfirmed_subscribers_are_purged_after_their_last_link(database: Database) -> None:
    subscriber = add_subscriber(database, "bo@example.org")
    once = add_subscriber(database, "cy@example.org")
    unsubscribe(database, SECRET, once.key, NOW, "test")
    for address in ("ada@example.org", "cy@example.org", "dan@example.org"):
        assert request(database, address) is not None
    confirm(database, SECRET, "dan@example.org", NOW, "test")
    assert purge_unconfirmed(database, LATER - timedelta(days=1)) == 0
    assert purge_unconfirmed(database, LATER) == 1
    with database.read() as connection:
        assert subscriber_store.count_by_status(connection) == {"active": 2, "unsubscribed": 1}
    assert subscriber_now(database, subscriber.address).status == "active"


def test_a_new_request_delays_the_purge(database: Database) -> None:
    pending = request(database)
    assert pending is not None
    assert request_confirmation_again(database, SECRET, pending.key, LATER - timedelta(days=1)) is not None
    assert request_confirmation_again(database, SECRET, pending.key, LATER - timedelta(days=1)) is None
    assert purge_unconfirmed(database, LATER) == 0


def ask_links(database: Database, address: str = "ada@example.org", days: int = 0) -> Subscriber | None:
    return request_links(database, SECRET, address, NOW + timedelta(days=days))


def test_many_requests_for_links_give_one_mail_a_day(database: Database) -> None:
    subscriber = add_subscriber(database)
    answers = together(*[lambda: ask_links(database, " ADA@example.org")] * 6)
    assert sum(one is not None for one in answers) == 1
    assert ask_links(database, days=1) is not None
    assert [row.kind for row in deliveries_of(database, subscriber)] == ["links", "links"]


def test_a_request_for_links_changes_no_subscriber(database: Database) -> None:
    subscriber = add_subscriber(database)
    for leave in (False, True):
        if leave:
            unsubscribe(database, SECRET, subscriber.key, NOW, "test")
        before = subscriber_now(database, subscriber.address)
        assert ask_links(database, days=int(leave)) == before
        assert subscriber_now(database, subscriber.address) == before


def test_links_are_not_sent_to_unconfirmed_or_suppressed_subscribers(database: Database) -> None:
    assert request(database, "new@example.org") is not None
    moved = Application(parse_address("moved@example.org"), status=Status.UNSUBSCRIBED)
    subscribe(database, ProfileBuilder(), SECRET, moved, NOW, confirmed=True, how="test")
    add_subscriber(database, "refused@example.org", status=Status.SUPPRESSED)
    add_subscriber(database, "bounced@example.org")
    with database.begin() as connection:
        suppression_store.suppress(connection, address_hash("bounced@example.org", SECRET), "bounce", NOW)
    for name in ("new", "moved", "refused", "bounced", "stranger"):
        assert ask_links(database, f"{name}@example.org") is None
    with pytest.raises(BadInput):
        ask_links(database, "ada")


def test_links_are_sent_to_a_pending_subscriber_who_had_confirmed(database: Database) -> None:
    subscriber = add_subscriber(database)
    unsubscribe(database, SECRET, subscriber.key, NOW, "test")
    assert request(database) is not None
    assert ask_links(database) is not None
    assert purge_unconfirmed(database, LATER) == 0
    assert subscriber_now(database, subscriber.address).status == "unsubscribed"
