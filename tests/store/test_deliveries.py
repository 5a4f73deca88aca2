"""The ledger: claims, open deliveries, and several workers at once."""

from datetime import timedelta

from sqlalchemy import update

from digest.domain.delivery import (
    KINDS,
    Delivery,
    DeliveryStatus,
    Kind,
    Stream,
)
from digest.domain.pick import Card
from digest.store import deliveries as ledger
from digest.store import delivery_reports
from digest.store import editions as edition_store
from digest.store import picks as pick_store
from digest.store.database import Database
from digest.store.deliveries import NewDelivery
from digest.store.models import cards, deliveries
from tests.factories import (
    DAY,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    add_subscriber,
    add_subscribers,
    at,
    deliveries_of,
    one_delivery,
    together,
)

LEASE = timedelta(minutes=15)


def plan(database: Database, count: int, day: int = 0) -> None:
    """Plan digests for `count` new subscribers, due a minute apart."""
    subscribers = add_subscribers(database, count)
    with database.begin() as connection:
        ledger.plan(
            connection,
            Kind.DIGEST,
            [
                NewDelivery(one.id, TUESDAY + day * DAY, at(TUESDAY, 7) + timedelta(minutes=index))
                for index, one in enumerate(subscribers)
            ],
        )


def claim(database: Database, minute: int = 59, limit: int = 100) -> list[Delivery]:
    with database.begin() as connection:
        return ledger.claim(connection, at(TUESDAY, 7, minute), LEASE, limit)


def test_planning_returns_how_many_are_new(database: Database) -> None:
    subscribers = add_subscribers(database, 3)
    new = [NewDelivery(one.id, TUESDAY, at(TUESDAY)) for one in subscribers]
    with database.begin() as connection:
        assert ledger.plan(connection, Kind.DIGEST, new[:2]) == 2
        assert ledger.plan(connection, Kind.DIGEST, new) == 1
        assert ledger.plan(connection, Kind.CONFIRM, new) == 3
        assert ledger.plan(connection, Kind.DIGEST, []) == 0


def test_only_due_deliveries_are_claimed_in_the_order_of_their_due_time(database: Database) -> None:
    plan(database, 5)
    assert [one.subscriber_id for one in claim(database, 2)] == [1, 2, 3]
    assert [one.subscriber_id for one in claim(database, 10, limit=1)] == [4]
    assert [one.attempts for one in claim(database, 10)] == [1]
    assert claim(database, 10) == []


def test_concurrent_workers_claim_different_deliveries(database: Database) -> None:
    plan(database, 30)
    work = together(*[lambda: claim(database, limit=10)] * 4)
    numbers = [one.id for part in work for one in part]
    assert len(numbers) == len(set(numbers)) == 30


def test_a_claim_ends_with_its_lease(database: Database) -> None:
    plan(database, 2)
    first = claim(database, 10)
    assert claim(database, 24) == []
    second = claim(database, 25)
    assert [(one.id, one.attempts) for one in second] == [(one.id, 2) for one in first]
    with database.begin() as connection:
        assert ledger.held(connection, first) == set()
        assert ledger.held(connection, second) == {one.id for one in second}


def test_a_released_delivery_is_ready_and_the_attempt_is_not_counted(database: Database) -> None:
    plan(database, 2)
    first = claim(database, 10)
    with database.begin() as connection:
        ledger.release(connection, [first[0].id], at(TUESDAY, 7, 11))
        assert ledger.held(connection, first) == {first[1].id}
    assert [(one.id, one.attempts) for one in claim(database, 11)] == [(first[0].id, 1)]


def test_a_settled_delivery_is_never_claimed_again(database: Database) -> None:
    plan(database, 3)
    work = claim(database)
    with database.begin() as connection:
        ledger.record_cancelled(connection, work[0].id, "stale", at(TUESDAY))
        ledger.record_skipped(connection, work[1].id, "nothing new", MONDAY, TUESDAY, at(TUESDAY))
        ledger.record_unknown(connection, work[2].id, "who knows", at(TUESDAY))
    with database.begin() as connection:
        assert ledger.claim(connection, at(TUESDAY + 30 * DAY), LEASE, 100) == []
        assert ledger.retry(connection, [one.id for one in work], at(WEDNESDAY)) == 3
        assert ledger.retry(connection, [one.id for one in work], at(WEDNESDAY)) == 0
        assert len(ledger.claim(connection, at(WEDNESDAY), LEASE, 100)) == 3


def test_the_next_edition_does_not_start_after_a_cancelled_one(database: Database) -> None:
    subscriber = add_subscriber(database)
    with database.begin() as connection:
        days = [MONDAY, TUESDAY, WEDNESDAY]
        ledger.plan(connection, Kind.DIGEST, [NewDelivery(subscriber.id, day, at(MONDAY)) for day in days])
    first, second, _ = deliveries_of(database, subscriber)
    with database.begin() as connection:
        ledger.record_skipped(connection, first.id, "nothing new", MONDAY - DAY, MONDAY, at(MONDAY, 9))
        ledger.record_cancelled(connection, second.id, "stale", at(TUESDAY, 9))
    with database.read() as connection:
        last = edition_store.last_editions(connection, [subscriber.id], WEDNESDAY)[subscriber.id]
        assert (last.papers_through, last.settled_at) == (MONDAY, at(MONDAY, 9))
        assert edition_store.last_editions(connection, [subscriber.id], MONDAY) == {}
        assert edition_store.newer_editions(connection, [subscriber.id], WEDNESDAY) == {
            subscriber.id: WEDNESDAY
        }


def make_card(number: int) -> Card:
    return Card(f"2603.{number:05}", f"Title {number}", (), "", (), TUESDAY, "https://arxiv.org/abs/1")


def test_a_card_is_stored_once(database: Database) -> None:
    with database.begin() as connection:
        first = pick_store.save_cards(connection, {"a": make_card(1), "b": make_card(2)}, TUESDAY)
        second = pick_store.save_cards(connection, {"b": make_card(9), "c": make_card(3)}, TUESDAY)
        assert pick_store.save_cards(connection, {}, TUESDAY) == {}
    assert first["b"] == second["b"]
    assert len({*first.values(), *second.values()}) == 3
    with database.read() as connection:
        stored = {row.content_sha256: row.contents for row in connection.execute(cards.select())}
    assert stored == {"a": make_card(1).to_json(), "b": make_card(2).to_json(), "c": make_card(3).to_json()}


def test_workers_that_store_the_same_cards_in_any_order_do_not_deadlock(database: Database) -> None:
    shown = {f"{number:04}": make_card(number) for number in range(600)}
    backwards = dict(reversed(shown.items()))

    def keep(some: dict[str, Card]) -> dict[str, int]:
        with database.begin() as connection:
            return pick_store.save_cards(connection, some, TUESDAY)

    for stored in together(lambda: keep(shown), lambda: keep(backwards), lambda: keep(shown)):
        assert len(stored) == 600
    with database.read() as connection:
        assert len(connection.execute(cards.select()).all()) == 600


def test_deliveries_are_counted_by_edition_and_reason(database: Database) -> None:
    plan(database, 3)
    work = claim(database)
    with database.begin() as connection:
        for one in work[:2]:
            ledger.record_skipped(connection, one.id, "nothing new", MONDAY, TUESDAY, at(TUESDAY))
    with database.read() as connection:
        assert delivery_reports.count_deliveries(connection, TUESDAY) == [
            (TUESDAY, "digest", "claimed", "", 1),
            (TUESDAY, "digest", "skipped", "nothing new", 2),
        ]
        assert delivery_reports.count_deliveries(connection, WEDNESDAY) == []


def test_each_kind_belongs_to_one_stream(database: Database) -> None:
    subscriber = add_subscriber(database)
    with database.begin() as connection:
        for kind in KINDS:
            ledger.plan(connection, kind, [NewDelivery(subscriber.id, TUESDAY, at(TUESDAY))])
        assert ledger.count_ready(connection, at(TUESDAY), 10) == len(KINDS)
        assert ledger.count_ready(connection, at(TUESDAY), 10, Stream.TRANSACTIONAL) == 4
        assert ledger.count_ready(connection, at(TUESDAY), 10, Stream.DIGEST) == 3
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10, stream=Stream.TRANSACTIONAL)
        assert {one.kind for one in work} == {"confirm", "links", "welcome", "goodbye"}
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10, stream=Stream.DIGEST)
        assert {one.kind for one in work} == {"digest", "weekly", "catch_up"}
        assert [row.kind for row in delivery_reports.find(connection, kind=Kind.LINKS)] == [Kind.LINKS]


def test_the_last_sent_editions_of_subscribers_are_found_together(database: Database) -> None:
    first, second, third = add_subscribers(database, 3)
    with database.begin() as connection:
        days = [MONDAY + number * DAY for number in range(4)]
        for kind in (Kind.DIGEST, Kind.LINKS):
            new = [NewDelivery(one.id, day, at(day)) for one in (first, second) for day in days]
            ledger.plan(connection, kind, new)
        connection.execute(update(deliveries).values(status="sent"))
        connection.execute(
            update(deliveries).where(deliveries.c.edition_on == days[2]).values(status="skipped")
        )
        found = edition_store.sent_editions(connection, [first.id, third.id], 2)
        assert found == {first.id: [days[3], days[1]]}
        assert edition_store.sent_editions(connection, [], 2) == {}


def test_a_delivery_is_found_with_its_subscriber(database: Database) -> None:
    plan(database, 2)
    with database.read() as connection:
        assert delivery_reports.find_one(connection, 999) is None
        found = delivery_reports.find(connection, status=DeliveryStatus.PLANNED, edition_on=TUESDAY, limit=1)
    assert [row.address for row in found] == ["r002@example.org"]


def test_a_row_has_the_reason_and_time_of_its_retry(database: Database) -> None:
    subscriber = add_subscriber(database)
    with database.begin() as connection:
        ledger.plan(connection, Kind.DIGEST, [NewDelivery(subscriber.id, TUESDAY, at(TUESDAY))])
        ledger.retry_later(connection, 1, at(TUESDAY, 9), "late feed", "452 busy")
    row = one_delivery(database, subscriber)
    assert (row.status, row.reason, row.smtp_answer, row.next_try_at) == (
        "planned",
        "late feed",
        "452 busy",
        at(TUESDAY, 9),
    )
