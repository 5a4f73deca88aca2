"""One delivery per subscriber and edition, and a paper reaches a subscriber at most once."""

import pytest
from sqlalchemy import select

from digest.delivery.compose import compose_batch
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import LEASE, Summary, deliver_ready
from digest.delivery.plan import plan_due, plan_edition
from digest.domain.delivery import Kind
from digest.domain.subscriber import Verdict
from digest.errors import TryLater
from digest.mail.envelope import Envelope
from digest.mail.file_transports import MemoryTransport
from digest.papers.sources.common import make_paper as paper_from_feed
from digest.store import deliveries as ledger
from digest.store import feedback as feedback_store
from digest.store import picks as pick_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Conflict, Database
from digest.store.deliveries import NewDelivery
from digest.store.models import deliveries, picks
from tests.factories import (
    DAY,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_paper,
    make_papers,
    one_delivery,
    received_by,
    sent_to,
    together,
    whole_run,
)


def rows(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(deliveries.c.id)).all())


# One delivery per subscriber and edition.


def test_concurrent_planners_write_one_delivery_each(database: Database) -> None:
    add_subscribers(database, 40)
    planned = together(*[lambda: plan_due(database, at(TUESDAY))] * 3)
    assert sum(planned) == 40
    assert rows(database) == 40


def test_planning_again_plans_nothing(database: Database) -> None:
    subscriber = add_subscriber(database)
    assert plan_due(database, at(TUESDAY)) == 1
    assert plan_due(database, at(TUESDAY, 9)) == 0
    assert one_delivery(database, subscriber).edition_on == TUESDAY


def test_the_due_and_the_given_edition_of_a_day_are_one(database: Database) -> None:
    add_subscribers(database, 20)
    now = at(TUESDAY)
    planned = together(lambda: plan_due(database, now), lambda: plan_edition(database, TUESDAY, now))
    assert sum(planned) == 20
    assert rows(database) == 20


def test_planning_a_given_edition_again_plans_nothing(database: Database) -> None:
    add_subscriber(database)
    assert plan_edition(database, TUESDAY, at(TUESDAY)) == 1
    assert plan_edition(database, TUESDAY, at(TUESDAY, 20)) == 0
    assert plan_due(database, at(TUESDAY, 21)) == 0


def test_a_given_past_edition_does_not_replace_planned_ones(database: Database) -> None:
    subscriber = add_subscriber(database)
    plan_due(database, at(THURSDAY))
    plan_edition(database, TUESDAY, at(THURSDAY, 9))
    plan_due(database, at(THURSDAY, 10))
    assert [row.edition_on for row in deliveries_of(database, subscriber)] == [TUESDAY, THURSDAY]


def test_a_constraint_refuses_a_second_delivery(database: Database) -> None:
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    row = {
        "subscriber_id": subscriber.id,
        "kind": "digest",
        "edition_on": TUESDAY,
        "status": "planned",
        "due_at": at(TUESDAY),
    }
    with pytest.raises(Conflict), database.begin() as connection:
        connection.execute(deliveries.insert().values(**row))


def test_a_second_run_sends_nothing(database: Database) -> None:
    add_papers(database, *make_papers(12))
    add_subscribers(database, 3)
    transport = MemoryTransport()
    post = delivery_context(database, transport)
    assert whole_run(post, at(TUESDAY)).deliveries.sent == 3
    again = whole_run(post, at(TUESDAY, 9))
    assert (again.planned, again.deliveries) == (0, Summary())
    assert len(transport.envelopes) == 3


def test_concurrent_workers_send_each_mail_once(database: Database) -> None:
    add_papers(database, *make_papers(40))
    subscribers = add_subscribers(database, 12, max_papers=5)
    plan_due(database, at(TUESDAY))
    posts = [delivery_context(database, batch_size=2) for _ in range(3)]
    done = together(*[lambda post=post: deliver_ready(post, lambda: at(TUESDAY)) for post in posts])
    assert sum(summary.sent for summary in done) == 12
    recipients = [
        address
        for post in posts
        if isinstance(post.transport, MemoryTransport)
        for address in sent_to(post.transport)
    ]
    assert sorted(recipients) == sorted(subscriber.address for subscriber in subscribers)


# A paper reaches a subscriber at most once.


def test_a_second_version_is_the_same_paper(database: Database) -> None:
    add_papers(database, make_paper(1))
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    revised = make_paper(
        1,
        paper_id="2603.00001v2",
        title="Quite another title for rooms",
        abstract="Wholly rewritten for the journal, with new experiments.",
        announced_on=WEDNESDAY,
    )
    add_papers(database, revised, make_paper(2, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert received_by(database, subscriber) == {TUESDAY: ["2603.00001"], WEDNESDAY: ["2603.00002"]}


def test_a_paper_imported_again_is_not_sent_again(database: Database) -> None:
    papers = make_papers(5)
    add_papers(database, *papers)
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    add_papers(database, *papers, now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert list(received_by(database, subscriber)) == [TUESDAY]


def test_a_paper_sent_without_an_id_is_not_sent_again_with_its_id(database: Database) -> None:
    known = make_paper(1)
    listed = paper_from_feed(paper_id="", title=known.title, abstract=known.abstract, announced_on=TUESDAY)
    add_papers(database, listed)
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    later = make_paper(1, announced_on=WEDNESDAY, title=known.title.upper())
    add_papers(database, later, now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert received_by(database, subscriber) == {TUESDAY: [listed.id]}


def test_near_duplicates_of_an_edition_are_one(database: Database) -> None:
    add_papers(database, make_paper(1), make_paper(1, paper_id="2603.00099", title=make_paper(1).title + "."))
    subscriber = add_subscriber(database, topics=["gaussian splatting"])
    deliver_due(delivery_context(database), at(TUESDAY))
    (papers,) = received_by(database, subscriber).values()
    assert len(papers) == 1


def test_a_paper_with_a_new_id_is_not_sent_again(database: Database) -> None:
    add_papers(database, make_paper(1))
    subscriber = add_subscriber(database)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    twin = make_paper(1, paper_id="2603.00099", title=make_paper(1).title.lower(), announced_on=WEDNESDAY)
    add_papers(database, twin, make_paper(2, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    deliver_due(post, at(WEDNESDAY))
    assert received_by(database, subscriber) == {TUESDAY: ["2603.00001"], WEDNESDAY: ["2603.00002"]}


def test_a_retried_mail_keeps_its_papers_and_is_sent_once(database: Database) -> None:
    refusing = True

    def interfere(envelope: Envelope, send: object) -> str:
        if refusing:
            raise TryLater("452 come back")
        assert callable(send)
        return str(send(envelope))

    transport = Interposed(interfere)
    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    post, clock = delivery_context(database, transport), Clock(at(TUESDAY))
    plan_due(database, clock())
    assert deliver_ready(post, clock).refusals == 1
    # Papers that arrive now are for the next edition, because this mail is composed already.
    add_papers(database, make_paper(50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    refusing = False
    clock.advance(hours=19)
    assert deliver_ready(post, clock).sent == 1
    deliver_due(post, at(WEDNESDAY))
    received = received_by(database, subscriber)
    assert len(received[TUESDAY]) == 5
    assert received[WEDNESDAY] == ["2603.00050"]
    assert len(transport.envelopes) == 2


def test_editions_composed_concurrently_share_no_paper(database: Database) -> None:
    add_papers(database, *make_papers(30))
    subscribers = add_subscribers(database, 8, topics=["gaussian splatting", "robot manipulation"])
    with database.begin() as connection:
        for day in (TUESDAY, WEDNESDAY):
            ledger.plan(
                connection, Kind.DIGEST, [NewDelivery(one.id, day, at(WEDNESDAY)) for one in subscribers]
            )
    with database.begin() as connection:
        work = ledger.claim(connection, at(WEDNESDAY), LEASE, 100)
    # Each thread composes one edition of each subscriber, alternately the newer and the older.
    halves = [
        [one for one in work if (one.subscriber_id + one.edition_on.day) % 2 == half] for half in (0, 1)
    ]
    composed = together(
        *[
            lambda part=part: compose_batch(delivery_context(database), part, at(WEDNESDAY), Summary())
            for part in halves
        ]
    )
    seen: set[tuple[str, str]] = set()
    for ready in (one for part in composed for one in part):
        for pick in ready.mail.picks:
            pair = (ready.mail.subscriber_key, pick.card.paper_id)
            assert pair not in seen
            seen.add(pair)
    assert seen


def test_a_constraint_refuses_a_second_pick_of_a_paper(database: Database) -> None:
    add_papers(database, *make_papers(3))
    add_subscriber(database)
    deliver_due(delivery_context(database), at(TUESDAY))
    with database.read() as connection:
        row = dict(connection.execute(select(picks)).first()._mapping)  # type: ignore[union-attr]
    with pytest.raises(Conflict), database.begin() as connection:
        connection.execute(picks.insert().values(row))


def test_papers_of_a_stale_mail_are_in_the_next(database: Database) -> None:
    def interfere(*_: object) -> str:
        raise TryLater("421 closed for today")

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    deliver_ready(delivery_context(database, Interposed(interfere)), lambda: at(TUESDAY))
    post = delivery_context(database, wait_policy=WaitPolicy())
    summary = deliver_due(post, at(WEDNESDAY, 9))
    assert summary.skipped["stale"] == 1
    assert {day: len(ids) for day, ids in received_by(database, subscriber).items()} == {WEDNESDAY: 5}
    stale = deliveries_of(database, subscriber)[0]
    assert (stale.status, stale.reason) == ("skipped", "stale")


def test_papers_of_a_mail_with_an_unknown_outcome_are_not_sent_again(database: Database) -> None:
    def interfere(envelope: Envelope, send: object) -> str:
        assert callable(send)
        send(envelope)
        raise ConnectionAbortedError

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    with pytest.raises(ConnectionAbortedError):
        deliver_ready(delivery_context(database, Interposed(interfere)), lambda: at(TUESDAY))
    add_papers(database, *make_papers(2, first=50, announced_on=WEDNESDAY), now=at(WEDNESDAY, 1))
    summary = deliver_due(delivery_context(database), at(WEDNESDAY, 9))
    assert summary.failed["stale, may have been sent"] == 1
    assert received_by(database, subscriber) == {WEDNESDAY: ["2603.00050", "2603.00051"]}


def test_papers_of_a_failed_mail_are_sent_when_it_is_retried(database: Database) -> None:
    def crash(*_: object) -> str:
        raise ConnectionAbortedError

    add_papers(database, *make_papers(5))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    with pytest.raises(ConnectionAbortedError):
        deliver_ready(delivery_context(database, Interposed(crash)), lambda: at(TUESDAY))
    assert deliver_ready(delivery_context(database), lambda: at(WEDNESDAY, 9)).sent == 0
    failed = one_delivery(database, subscriber)
    assert failed.status == "failed"
    with database.begin() as connection:
        assert ledger.retry(connection, [failed.id], at(WEDNESDAY, 10)) == 1
    assert deliver_ready(delivery_context(database), lambda: at(WEDNESDAY, 10)).sent == 1
    assert len(received_by(database, subscriber)[TUESDAY]) == 5


def test_rated_papers_are_never_picked(database: Database) -> None:
    add_papers(database, *make_papers(10, subject="splats"), *make_papers(60, first=100, subject="speech"))
    subscriber = add_subscriber(database, topics=["gaussian splatting"], likes=["2603.00003"])
    with database.begin() as connection:
        feedback_store.save_feedback(connection, subscriber.id, 5, Verdict.LESS, at(MONDAY))
    deliver_due(delivery_context(database), at(TUESDAY))
    (papers,) = received_by(database, subscriber).values()
    assert len(papers) == 8
    assert not {"2603.00003", "2603.00005"} & set(papers)


def test_a_year_of_editions_repeats_nothing(database: Database) -> None:
    subscriber = add_subscriber(database, topics=["gaussian splatting", "speech recognition"], max_papers=3)
    post = delivery_context(database)
    got: list[str] = []
    for ahead in range(15):
        day = TUESDAY + ahead * DAY
        # Half the papers of each day were sent before, or arrive late.
        fresh = make_papers(4, first=1 + ahead * 4, announced_on=day)
        late = make_papers(2, first=500 + ahead * 2, announced_on=day - 2 * DAY)
        add_papers(database, *fresh, *late, now=at(day, 1), upvotes=ahead + 1)
        deliver_due(post, at(day))
    for papers in received_by(database, subscriber).values():
        got += papers
    assert len(got) == len(set(got)) >= 30


def test_a_removed_subscriber_leaves_no_rows(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database)
    deliver_due(delivery_context(database), at(TUESDAY))
    with database.begin() as connection:
        subscriber_store.delete_subscriber(connection, subscriber.id)
    with database.read() as connection:
        assert connection.execute(select(picks)).all() == []
        assert connection.execute(select(deliveries)).all() == []


def test_a_pick_counts_as_received_as_soon_as_it_is_composed(database: Database) -> None:
    add_papers(database, *make_papers(4))
    subscriber = add_subscriber(database)
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 10)
    compose_batch(delivery_context(database), work, at(TUESDAY), Summary())
    with database.read() as connection:
        assert len(pick_store.received(connection, [subscriber.id], 0)[subscriber.id]) == 4
