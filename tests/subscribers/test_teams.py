"""Teams: what members share, and what each of them keeps."""

from typing import Any

import pytest

from digest.domain.delivery import Kind
from digest.domain.subscriber import Subscriber, Verdict
from digest.errors import BadInput, BadLink
from digest.store import feedback as feedback_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.library_papers import read_library as find_library
from digest.store.pending_feedback import read_pending
from digest.subscribers import teams
from digest.subscribers.addresses import parse_address
from digest.subscribers.consent import unsubscribe
from digest.subscribers.feedback import record_feedback
from digest.subscribers.library import add_library, remove_library
from digest.subscribers.library_files.read import read_library
from digest.subscribers.mail_requests import process_requests, request_mail
from digest.subscribers.preferences import Change, change, remove
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import confirm
from tests.factories import (
    SECRET,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_papers,
    received_by,
    sent_to,
    set_status,
    subscriber_now,
    together,
)

NOW = at(WEDNESDAY)
ADA, BO, CHI = "ada@example.org", "bo@example.org", "chi@example.org"
SPLATS, ROBOTS, ABSENT = "2603.00004", "2603.00005", "2603.09999"


def shared(database: Database, address: str) -> tuple[Any, ...]:
    """Return all that members share: topics and filters, ratings, and the profile."""
    one = subscriber_now(database, address)
    with database.read() as connection:
        profile = term_store.read_profiles(connection, [one.id]).get(one.id)
        return (
            one.interests,
            feedback_store.read_feedback(connection, [one.id]).get(one.id),
            read_pending(connection, [one.id]).get(one.id),
            profile.to_bytes() if profile else None,
        )


def invite(database: Database, address: str = ADA) -> str:
    with database.begin() as connection:
        teams.renew_team(connection, subscriber_now(database, address))
    return str(subscriber_now(database, address).team)


def accept(database: Database, team: str, *addresses: str) -> None:
    for address in addresses:
        request_mail(database, Kind.CONFIRM, parse_address(address), NOW, {"team": team})
    process_requests(database, ProfileBuilder(), SECRET, NOW)
    for address in addresses:
        confirm(database, SECRET, address, NOW, "test")


@pytest.fixture
def team(database: Database) -> str:
    """Return the team of Ada, Bo and Chi; Ada had topics and ratings before she invited them."""
    add_papers(database, *make_papers(12))
    add_subscriber(database, ADA, topics=["robot grasping"], likes=[ROBOTS, ABSENT])
    name = invite(database)
    accept(database, name, BO, CHI)
    return name


def test_an_invitation_shares_everything_from_the_start(database: Database, team: str) -> None:
    assert shared(database, ADA) == shared(database, BO) == shared(database, CHI)
    assert shared(database, BO)[0].topics == ("robot grasping",)
    assert subscriber_now(database, BO).status == "active"
    with database.read() as connection:
        assert [one.address for one in teams.members(connection, team)] == [ADA, BO, CHI]


@pytest.mark.usefixtures("team")
def test_a_rating_and_a_change_of_one_member_hold_for_all(database: Database) -> None:
    key = subscriber_now(database, BO).key
    record_feedback(database, ProfileBuilder(), key, SPLATS, Verdict.MORE, NOW)
    assert shared(database, ADA) == shared(database, BO) == shared(database, CHI)
    assert len(shared(database, ADA)[1]) == 2
    record_feedback(database, ProfileBuilder(), key, SPLATS, None, NOW)
    change(database, ProfileBuilder(), CHI, Change(topics=("protein design",), hour=20), NOW, ["2603.08888"])
    assert shared(database, ADA) == shared(database, BO) == shared(database, CHI)
    assert shared(database, ADA)[0].topics == ("protein design",)
    # When each of them gets mail is their own decision.
    assert [subscriber_now(database, one).schedule.hour for one in (ADA, CHI)] == [7, 20]


@pytest.mark.usefixtures("team")
def test_a_library_of_one_member_teaches_all(database: Database) -> None:
    bo = subscriber_now(database, BO)
    library = read_library(
        b"@article{a, title={Numerical splines of the Arctic}}\n@article{b, eprint={2603.00006}}"
    )
    add_library(database, ProfileBuilder(), bo, library, NOW)
    accept(database, str(bo.team), "dan@example.org")
    kept = {}
    for address in (ADA, BO, CHI, "dan@example.org"):
        one = subscriber_now(database, address)
        with database.read() as connection:
            kept[address] = find_library(connection, [one.id])[one.id]
        assert shared(database, address) == shared(database, BO)
    assert len(kept[BO]) == 1
    with database.read() as connection:
        ids = [subscriber_now(database, address).id for address in (ADA, BO, CHI)]
        assert list(feedback_store.marked_since(connection, ids, NOW)) == [bo.id]
    assert all(one == kept[BO] for one in kept.values())
    remove_library(database, ProfileBuilder(), subscriber_now(database, CHI), NOW)
    assert shared(database, ADA) == shared(database, BO)


@pytest.mark.usefixtures("team")
def test_a_member_is_not_told_that_they_marked_what_another_one_marked(database: Database) -> None:
    bo, chi = (subscriber_now(database, address) for address in (BO, CHI))
    record_feedback(database, ProfileBuilder(), bo.key, SPLATS, Verdict.MORE, NOW)
    with database.read() as connection:
        marked = feedback_store.marked_since(connection, [bo.id, chi.id], NOW)
    assert list(marked) == [bo.id]


@pytest.mark.usefixtures("team")
def test_each_member_gets_an_own_mail_and_nobody_a_paper_twice(database: Database) -> None:
    context = delivery_context(database)
    deliver_due(context, at(WEDNESDAY))
    assert sorted(sent_to(context.transport)) == [ADA, BO, CHI]  # type: ignore[arg-type]
    (papers,) = {
        tuple(*received_by(database, subscriber_now(database, one)).values()) for one in (ADA, BO, CHI)
    }
    assert len(set(papers)) == len(papers) > 1


@pytest.mark.usefixtures("team")
def test_leaving_the_mail_or_the_team_changes_nothing_for_the_others(database: Database) -> None:
    before = shared(database, BO)
    unsubscribe(database, SECRET, subscriber_now(database, ADA).key, NOW, "test")
    remove(database, SECRET, CHI, NOW)
    assert shared(database, BO) == before
    assert [subscriber_now(database, one).status for one in (ADA, BO)] == ["unsubscribed", "active"]
    with database.begin() as connection:
        teams.leave_team(connection, subscriber_now(database, BO))
    assert shared(database, BO) == before
    record_feedback(database, ProfileBuilder(), subscriber_now(database, BO).key, SPLATS, Verdict.MORE, NOW)
    assert shared(database, ADA) != shared(database, BO)


def test_an_old_invitation_is_invalid_and_its_sign_up_joins_nobody(database: Database, team: str) -> None:
    renewed = invite(database)
    assert renewed != team
    assert {subscriber_now(database, one).team for one in (ADA, BO, CHI)} == {renewed}
    with database.read() as connection, pytest.raises(BadLink):
        teams.members(connection, team)
    accept(database, team, "dan@example.org")
    dan = subscriber_now(database, "dan@example.org")
    assert (dan.status, dan.team, dan.interests.topics) == ("active", None, ())


def test_an_invitation_changes_no_active_subscriber(database: Database, team: str) -> None:
    dan = add_subscriber(database, "dan@example.org", topics=["speech"])
    request_mail(database, Kind.CONFIRM, parse_address(dan.address), NOW, {"team": team})
    process_requests(database, ProfileBuilder(), SECRET, NOW)
    assert subscriber_now(database, dan.address) == dan


def test_a_subscriber_may_join_with_their_own_ratings(database: Database, team: str) -> None:
    dan = add_subscriber(database, "dan@example.org", topics=["speech"], likes=[SPLATS])
    with database.begin() as connection:
        teams.join_team(connection, ProfileBuilder(), dan, team, NOW)
    topics, ratings, _, _ = shared(database, dan.address)
    assert topics.topics == ("robot grasping",)
    assert len(ratings) == 2


def test_a_team_has_a_limit(database: Database, monkeypatch: pytest.MonkeyPatch, team: str) -> None:
    monkeypatch.setattr(teams, "MOST_MEMBERS", 3)
    dan = add_subscriber(database, "dan@example.org")
    with database.begin() as connection, pytest.raises(BadInput, match="3 members"):
        teams.join_team(connection, ProfileBuilder(), dan, team, NOW)


@pytest.mark.usefixtures("team")
def test_ratings_of_several_members_at_once_end_in_one_profile(database: Database) -> None:
    everyone = [subscriber_now(database, address) for address in (ADA, BO, CHI)]

    def rate(one: Subscriber, paper: int) -> None:
        record_feedback(database, ProfileBuilder(), one.key, f"2603.{paper:05}", Verdict.MORE, NOW)

    together(*[lambda one=one, paper=paper: rate(one, paper) for paper, one in enumerate(everyone * 3, 1)])
    assert shared(database, ADA) == shared(database, BO) == shared(database, CHI)
    assert len(shared(database, ADA)[1]) == 9


@pytest.mark.usefixtures("team")
def test_suppressed_members_get_no_mail(database: Database) -> None:
    set_status(database, subscriber_now(database, BO), subscriber_now(database, BO).status.SUPPRESSED)
    context = delivery_context(database)
    deliver_due(context, at(WEDNESDAY))
    assert sorted(sent_to(context.transport)) == [ADA, CHI]  # type: ignore[arg-type]
