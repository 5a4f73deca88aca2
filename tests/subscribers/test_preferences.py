"""Changing interests and schedule, pausing, resuming and removing."""

import pytest
from sqlalchemy import select

from digest.domain.subscriber import STATUSES, Frequency, Interests, Schedule, Status, clean_words
from digest.errors import BadInput, NotFound
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.mail_server_models import metadata
from digest.subscribers.import_export import change_from
from digest.subscribers.preferences import Change, change, pause, remove, resume
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import find_subscriber
from tests.factories import (
    MONDAY,
    SECRET,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
    received_by,
    subscriber_now,
)


def profile(database: Database, number: int) -> bytes | None:
    with database.read() as connection:
        found = term_store.read_profiles(connection, [number]).get(number)
    return found.to_bytes() if found else None


def test_fields_that_are_not_given_stay(database: Database) -> None:
    before = add_subscriber(database, topics=["robots"], mute=["survey"], hour=5, max_papers=3)
    after = change(database, ProfileBuilder(), before.address, Change(hour=9), at(TUESDAY))
    assert (after.interests, after.max_papers) == (before.interests, 3)
    assert after.schedule == Schedule("UTC", 9, Frequency.DAILY)
    assert subscriber_now(database, before.address) == after


def test_an_empty_list_clears_the_field(database: Database) -> None:
    subscriber = add_subscriber(database, topics=["robots"], mute=["survey"], follow=["Bo Li"])
    changed = change_from(clear=["topics", "follow"], must=["x", "x", " y  z "])
    after = change(database, ProfileBuilder(), subscriber.address, changed, at(TUESDAY))
    assert after.interests == Interests(must=("x", "y z"), mute=("survey",))
    with pytest.raises(BadInput, match="cannot be cleared"):
        change_from(clear=["hour"])


def test_a_change_of_topics_rebuilds_the_profile(database: Database) -> None:
    add_papers(database, *make_papers(20))
    builder = ProfileBuilder()
    subscriber = add_subscriber(database, topics=["gaussian splatting"], builder=builder)
    first = profile(database, subscriber.id)
    change(database, builder, subscriber.address, Change(topics=("robot grasping",)), at(TUESDAY))
    second = profile(database, subscriber.id)
    change(
        database,
        builder,
        subscriber.address,
        Change(),
        at(TUESDAY),
        likes=["2603.00003"],
        dislikes=["2603.00004"],
    )
    third = profile(database, subscriber.id)
    assert None not in (first, second, third)
    assert len({first, second, third}) == 3
    change(database, builder, subscriber.address, Change(topics=()), at(TUESDAY), dislikes=["2603.00003"])
    assert profile(database, subscriber.id) is None


def test_new_topics_count_from_the_next_digest_on(database: Database) -> None:
    add_papers(database, *make_papers(40), *make_papers(40, first=100, announced_on=WEDNESDAY))
    subscriber = add_subscriber(database, topics=["gaussian splatting"], max_papers=5)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    change(
        database, ProfileBuilder(), subscriber.address, Change(topics=("protein folding",)), at(TUESDAY, 9)
    )
    deliver_due(post, at(WEDNESDAY))
    received = received_by(database, subscriber)
    assert {int(paper[5:]) % 4 for paper in received[TUESDAY]} == {0}
    assert {int(paper[5:]) % 4 for paper in received[WEDNESDAY]} == {3}


def test_a_bad_change_changes_nothing(database: Database) -> None:
    add_papers(database, *make_papers(3))
    subscriber = add_subscriber(database, topics=["robots"])
    for wanted in (
        Change(timezone="Mars/Base", topics=("x",)),
        Change(hour=24),
        Change(max_papers=0),
        Change(categories=("no category",)),
        Change(topics=("",)),
    ):
        with pytest.raises(BadInput):
            change(database, ProfileBuilder(), subscriber.address, wanted, at(TUESDAY))
    with pytest.raises(BadInput):
        change(
            database,
            ProfileBuilder(),
            subscriber.address,
            Change(topics=("x",)),
            at(TUESDAY),
            likes=["2603.00001", "no id"],
        )
    assert subscriber_now(database, subscriber.address) == subscriber


def test_the_last_verdict_on_a_paper_counts(database: Database) -> None:
    add_papers(database, *make_papers(4, subject="splats"))
    subscriber = add_subscriber(database, likes=["2603.00001"])
    builder = ProfileBuilder()
    change(database, builder, subscriber.address, Change(), at(TUESDAY), dislikes=["2603.00001"])
    assert profile(database, subscriber.id) is None
    change(database, builder, subscriber.address, Change(), at(TUESDAY, 9), likes=["2603.00001v7"])
    assert profile(database, subscriber.id) is not None


@pytest.mark.parametrize("status", STATUSES)
def test_only_active_subscribers_can_pause_and_only_confirmed_ones_resume(
    database: Database, status: Status
) -> None:
    subscriber = add_subscriber(database, status=status)
    if status in {"active", "paused"}:
        assert pause(database, subscriber.address, WEDNESDAY, at(TUESDAY)).status == "paused"
    else:
        with pytest.raises(BadInput, match=status):
            pause(database, subscriber.address, WEDNESDAY, at(TUESDAY))
    if status in {"pending", "suppressed"}:
        with pytest.raises(BadInput, match=status):
            resume(database, SECRET, subscriber.address, at(WEDNESDAY))
    else:
        assert resume(database, SECRET, subscriber.address, at(WEDNESDAY)).status == "active"


def test_a_pause_cannot_end_before_it_begins(database: Database) -> None:
    subscriber = add_subscriber(database)
    for day in (MONDAY, TUESDAY):
        with pytest.raises(BadInput, match="already over"):
            pause(database, subscriber.address, day, at(TUESDAY))


def test_removing_a_subscriber_deletes_all_their_rows(database: Database) -> None:
    add_papers(database, *make_papers(8))
    subscriber = add_subscriber(database, topics=["gaussian splatting"], likes=["2603.00004"])
    stays = add_subscriber(database, "stays@example.org", likes=["2603.00003"])
    deliver_due(delivery_context(database), at(TUESDAY))
    assert remove(database, SECRET, subscriber.address.upper(), at(WEDNESDAY)).id == subscriber.id
    with database.read() as connection:
        for table in metadata.sorted_tables:
            owner = table.c.get("subscriber_id")
            if owner is not None:
                left = set(connection.execute(select(owner)).scalars())
                assert left <= {stays.id}, table.name
    with pytest.raises(NotFound), database.read() as connection:
        find_subscriber(connection, subscriber.address)
    with pytest.raises(NotFound):
        remove(database, SECRET, subscriber.address, at(WEDNESDAY))
    # The address can sign up again as a new subscriber.
    assert add_subscriber(database, subscriber.address).id != subscriber.id


def test_words_are_put_on_one_line() -> None:
    assert clean_words(["  a \n b ", "a b", "", "\x00", "c\u200b\u202ed"]) == ("a b", "cd")
