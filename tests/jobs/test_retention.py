"""Old mails are reduced to the ids of their papers and to counts; nothing else changes."""

import threading
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, update

from digest.domain.paper import Popularity
from digest.domain.retention import Retention
from digest.jobs.cleanup import delete_old
from digest.store import health
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.store.delivery_reports import count_deliveries
from digest.store.mail_server_models import metadata
from digest.store.models import cards, deliveries, papers, picks, popularity, subscribers
from digest.store.picks import received, received_on
from digest.store.received import pack, unpack
from digest.store.retention_models import received_papers
from digest.subscribers.privacy import personal_data
from tests.factories import (
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    rebuilt,
    received_by,
    subscriber_now,
    whole_run,
)
from tests.jobs.three_years import small

KEPT = Retention()
DAY = timedelta(days=1)


@given(st.lists(st.integers(1, 2**62)))
def test_packed_ids_come_back_sorted(row_ids: list[int]) -> None:
    assert unpack(pack(row_ids)) == sorted(set(row_ids))


def send_twice(database: Database) -> None:
    """Send two editions to one subscriber."""
    context = delivery_context(database)
    add_papers(database, *make_papers(12))
    add_subscriber(database, topics=("gaussian splatting",))
    assert deliver_due(context, at(TUESDAY)).sent == 1
    add_papers(database, *make_papers(12, first=100, announced_on=WEDNESDAY))
    assert deliver_due(context, at(WEDNESDAY)).sent == 1


def sizes(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def test_a_mail_younger_than_the_setting_stays_as_it_was(database: Database) -> None:
    send_twice(database)
    before = sizes(database)
    ada = subscriber_now(database, "ada@example.org")
    mails = [rebuilt(database, row.id) for row in deliveries_of(database, ada)]
    assert len(mails) == 2
    delete_old(database, KEPT, at(TUESDAY) + KEPT.contents)
    after = sizes(database)
    assert {name: after[name] for name in ("deliveries", "picks", "cards", "popularity")} == {
        name: before[name] for name in ("deliveries", "picks", "cards", "popularity")
    }
    assert mails == [rebuilt(database, row.id) for row in deliveries_of(database, ada)]


def test_old_mails_are_reduced_to_the_ids_of_their_papers(database: Database) -> None:
    send_twice(database)
    with database.read() as connection:
        (subscriber_id,) = connection.execute(select(subscribers.c.id)).scalars()
        sent = received(connection, [subscriber_id], 0)
        paper_row_id = min(sent[subscriber_id])
        before = personal_data(connection, "ada@example.org")
    delete_old(database, KEPT, at(WEDNESDAY) + KEPT.contents - timedelta(hours=1))
    with database.read() as connection:
        assert [
            row.contents is None for row in connection.execute(deliveries.select().order_by(deliveries.c.id))
        ] == [True, False]
        # Part of the papers is in the list, part still among the picks.
        assert received(connection, [subscriber_id], 0) == sent
    delete_old(database, KEPT, at(WEDNESDAY) + KEPT.contents + 10 * DAY)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(picks)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(cards)).scalar_one() == 0
        assert {row.status for row in connection.execute(deliveries.select())} == {"sent"}
        assert received(connection, [subscriber_id], 0) == sent
        assert received(connection, [subscriber_id], paper_row_id + 1)[subscriber_id] == sent[
            subscriber_id
        ] - {paper_row_id}
        assert received_on(connection, subscriber_id, paper_row_id) == TUESDAY.replace(day=1)
        after = personal_data(connection, "ada@example.org")
    assert after["received"] == []
    assert after["received_earlier"] == sorted(row["id"] for row in before["received"])


def test_no_statement_reads_all_picks(sqlite_url: str) -> None:
    """With two thousand subscribers the table has two million rows, and each of them would block the senders."""
    database = Database(sqlite_url)
    send_twice(database)
    written: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        written.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    delete_old(database, KEPT, at(WEDNESDAY) + KEPT.contents + 10 * DAY)
    event.remove(database.engine, "before_cursor_execute", note)
    about_picks = [one for one in written if " picks" in one[0]]
    assert about_picks
    with database.read() as connection:
        for statement, values in about_picks:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            assert not [row.detail for row in plan if row.detail.startswith("SCAN picks")], statement
    database.close()


def test_deleted_deliveries_are_still_counted(database: Database) -> None:
    send_twice(database)
    with database.read() as connection:
        counts = count_deliveries(connection, TUESDAY)
        last = health.last_sent_at(connection)
    for later in (KEPT.deliveries + timedelta(hours=1), KEPT.deliveries + 2 * DAY, KEPT.deliveries + 9 * DAY):
        delete_old(database, KEPT, at(TUESDAY) + later)
        with database.read() as connection:
            assert count_deliveries(connection, TUESDAY) == counts
            assert health.last_sent_at(connection) == last
    found = sizes(database)
    assert (found["deliveries"], found["picks"], found["delivery_counts"]) == (0, 0, 2)


def test_a_paper_of_a_reduced_mail_is_never_sent_again(database: Database) -> None:
    context = delivery_context(database)
    add_papers(database, *make_papers(15))
    ada = add_subscriber(database, max_papers=10)
    assert deliver_due(context, at(TUESDAY)).sent == 1
    (first,) = received_by(database, ada).values()
    later = at(TUESDAY) + 2 * KEPT.deliveries
    delete_old(database, KEPT, later)
    assert sizes(database)["picks"] == 0
    # The same papers are announced again, as by a feed that repeats its year.
    with database.begin() as connection:
        connection.execute(update(papers).values(announced_on=later.date()))
    assert deliver_due(delivery_context(database), later).sent == 1
    (second,) = received_by(database, ada).values()
    assert len(second) == 5
    assert not set(first) & set(second)


def test_open_deliveries_and_those_of_a_clock_that_was_ahead_block_nothing(database: Database) -> None:
    people = add_subscribers(database, 3)
    rows = [
        # Planned by a clock that was ten years ahead.
        (people[0].id, TUESDAY.replace(year=TUESDAY.year + 10), at(TUESDAY) + 3650 * DAY, "skipped"),
        # Still open.
        (people[1].id, TUESDAY, None, "planned"),
        (people[2].id, TUESDAY, at(TUESDAY), "sent"),
    ]
    with database.begin() as connection:
        for number, (subscriber_id, edition_on, settled_at, status) in enumerate(rows, 1):
            connection.execute(
                insert(deliveries).values(
                    id=number,
                    subscriber_id=subscriber_id,
                    kind="digest",
                    edition_on=edition_on,
                    status=status,
                    due_at=settled_at or at(TUESDAY),
                    settled_at=settled_at,
                    next_try_at=None if settled_at else at(TUESDAY),
                    contents={"text": "kept"},
                )
            )
    delete_old(database, KEPT, at(TUESDAY) + KEPT.contents + DAY)
    with database.read() as connection:
        stored = dict(connection.execute(select(deliveries.c.id, deliveries.c.contents)).all())
    assert stored == {1: {"text": "kept"}, 2: {"text": "kept"}, 3: None}
    delete_old(database, KEPT, at(TUESDAY) + KEPT.deliveries + DAY)
    with database.read() as connection:
        assert list(connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars()) == [1, 2]


def test_a_mail_that_was_settled_late_is_reduced_later(database: Database) -> None:
    people = add_subscribers(database, 2)
    settled = [at(TUESDAY, 20), at(TUESDAY, 7)]
    with database.begin() as connection:
        for one, settled_at in zip(people, settled, strict=True):
            values = {"subscriber_id": one.id, "kind": "digest", "edition_on": TUESDAY, "status": "sent"}
            connection.execute(
                insert(deliveries).values(
                    **values, due_at=at(TUESDAY, 7), settled_at=settled_at, contents={"text": "kept"}
                )
            )
    for later, kept in ((timedelta(hours=12), 1), (timedelta(hours=30), 0)):
        delete_old(database, KEPT, at(TUESDAY) + KEPT.contents + later - timedelta(hours=2))
        with database.read() as connection:
            contents = connection.execute(select(deliveries.c.contents)).scalars()
            assert sum(one is not None for one in contents) == kept


def test_popularity_is_thinned_to_days_and_then_to_the_newest(database: Database) -> None:
    add_papers(database, *make_papers(2))
    began_at = datetime.combine(TUESDAY, datetime.min.time(), at(TUESDAY).tzinfo)
    with database.begin() as connection:
        first, second = connection.execute(select(papers.c.id).order_by(papers.c.id)).scalars()
        seen = [(first, Popularity(began_at + timedelta(hours=hour), hour)) for hour in range(0, 72, 5)]
        paper_store.save_popularity(connection, [*seen, (second, Popularity(began_at, 3))])

    def votes(days: int) -> list[tuple[int, int]]:
        delete_old(database, KEPT, began_at + days * DAY + timedelta(hours=3))
        with database.read() as connection:
            query = select(popularity.c.paper_row_id, popularity.c.upvotes)
            return list(
                connection.execute(query.order_by(popularity.c.paper_row_id, popularity.c.observed_at))
            )

    assert len(votes(14)) == 16
    assert votes(15) == [(first, hour) for hour in (20, *range(25, 72, 5))] + [(second, 3)]
    assert votes(17) == [(first, 20), (first, 45), (first, 70), (second, 3)]
    assert votes(200) == [(first, 70), (second, 3)]


def test_a_card_in_use_is_not_deleted(database: Database) -> None:
    context = delivery_context(database)
    add_papers(database, *make_papers(5))
    add_subscriber(database)
    assert deliver_due(context, at(TUESDAY)).sent == 1
    with database.begin() as connection:
        connection.execute(update(papers).values(announced_on=TUESDAY + 80 * DAY))
    bo = add_subscriber(database, "bo@example.org")
    assert deliver_due(delivery_context(database), at(TUESDAY + 80 * DAY)).sent == 1
    delete_old(database, KEPT, at(TUESDAY) + KEPT.contents + 30 * DAY)
    (row,) = deliveries_of(database, bo)
    assert len(received_by(database, bo)[row.edition_on]) == 5
    assert rebuilt(database, row.id)


def test_two_runs_at_once_and_a_stopped_run_lose_nothing(database: Database) -> None:
    send_twice(database)
    with database.read() as connection:
        (subscriber_id,) = connection.execute(select(subscribers.c.id)).scalars()
        sent = received(connection, [subscriber_id], 0)
        counts = count_deliveries(connection, TUESDAY)
    delete_old(database, KEPT, at(TUESDAY) + 800 * DAY, lambda: True)
    assert sizes(database)["deliveries"] == 2
    failures: list[BaseException] = []

    def clean() -> None:
        try:
            delete_old(database, KEPT, at(TUESDAY) + 800 * DAY)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=clean) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as connection:
        assert received(connection, [subscriber_id], 0) == sent
        assert count_deliveries(connection, TUESDAY) == counts
    assert sizes(database)["deliveries"] == 0


def test_an_erased_subscriber_leaves_no_list(database: Database) -> None:
    send_twice(database)
    delete_old(database, KEPT, at(TUESDAY) + 120 * DAY)
    with database.begin() as connection:
        assert connection.execute(select(func.count()).select_from(received_papers)).scalar_one() == 1
        connection.execute(subscribers.delete())
    found = sizes(database)
    assert (found["received_papers"], found["deliveries"], found["picks"]) == (0, 0, 0)


def test_the_daily_run_reduces_what_is_old(database: Database) -> None:
    send_twice(database)
    context = delivery_context(database)
    whole_run(context, at(TUESDAY + 100 * DAY))
    assert sizes(database)["received_papers"] == 0
    whole_run(context, at(TUESDAY + 101 * DAY), retention=KEPT)
    assert sizes(database)["received_papers"] == 1


def test_the_tables_of_mails_stop_growing_and_no_paper_comes_twice(database: Database) -> None:
    kept = Retention(contents=10 * DAY, deliveries=25 * DAY, popularity=5 * DAY)
    found = small(database, 55, kept)
    assert {row["deliveries"] for row in found[30:]} == {4 * 25}
    assert {row["picks"] for row in found[30:]} == {4 * 10 * 10}
    # A week more than the mails with them; four mails of ten papers a day.
    assert max(row["cards"] for row in found) <= 4 * 10 * 18
    # One list for each subscriber and month.
    assert found[-1]["received_papers"] == 4 * 2
    assert found[-1]["delivery_counts"] == 30
