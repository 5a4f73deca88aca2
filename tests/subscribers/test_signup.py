"""Signing up: accepted and refused applications, and stored data."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_due
from digest.domain.subscriber import Interests, Status, Subscriber
from digest.errors import BadInput, NeverSend, NotFound
from digest.mail.envelope import Envelope
from digest.store import consents as consent_store
from digest.store import feedback as feedback_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.subscribers.addresses import address_hash, parse_address
from digest.subscribers.import_export import application_from
from digest.subscribers.privacy import personal_data
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import (
    CONSENT,
    Application,
    confirm,
    find_subscriber,
    subscribe,
    subscribe_many,
)
from tests.factories import (
    MONDAY,
    SECRET,
    TUESDAY,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    received_by,
    subscriber_now,
    together,
)


def sign_up(database: Database, address: str, *likes: str, confirmed: bool = False) -> Subscriber:
    application = Application(parse_address(address), likes=likes)
    return subscribe(
        database, ProfileBuilder(), SECRET, application, at(MONDAY), confirmed=confirmed, how="test"
    )


def test_a_new_subscriber_is_pending_with_a_planned_confirmation(database: Database) -> None:
    subscriber = sign_up(database, "ada@example.org")
    assert (subscriber.status, subscriber.confirmed_at, subscriber.next_due_at) == ("pending", None, None)
    assert [(row.kind, row.status) for row in deliveries_of(database, subscriber)] == [("confirm", "planned")]
    with database.read() as connection:
        assert consent_store.read_consents(connection, subscriber.id) == []


def test_confirming_activates_and_records_the_consent_once(database: Database) -> None:
    subscriber = sign_up(database, "ada@example.org")
    assert confirm(database, SECRET, "ADA@example.org", at(TUESDAY), "link").status == "active"
    confirm(database, SECRET, "ada@example.org", at(TUESDAY, 9), "link")
    with database.read() as connection:
        (given,) = consent_store.read_consents(connection, subscriber.id)
    assert (given.what, given.how, given.given_at) == (CONSENT, "link", at(TUESDAY))
    assert subscriber_now(database, "ada@example.org").confirmed_at == at(TUESDAY)


def test_confirming_does_not_reactivate_an_unsubscribed_subscriber(database: Database) -> None:
    gone: list[Status] = [Status.PAUSED, Status.UNSUBSCRIBED, Status.SUPPRESSED]
    for status in gone:
        subscriber = add_subscriber(database, f"{status}@example.org", status=status)
        assert confirm(database, SECRET, subscriber.address, at(TUESDAY), "link").status == status


def test_an_unknown_address_cannot_be_confirmed(database: Database) -> None:
    with pytest.raises(NotFound):
        confirm(database, SECRET, "nobody@example.org", at(TUESDAY), "link")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ada@example.org", " ADA@EXAMPLE.ORG "),
        ("ada@bücher.example", "ada@bücher.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "Ada@BÜCHER.example"),
    ],
)
def test_an_address_cannot_sign_up_twice(database: Database, first: str, second: str) -> None:
    sign_up(database, first)
    with pytest.raises(BadInput, match="already a subscriber"):
        sign_up(database, second)


def test_concurrent_sign_ups_of_an_address_add_one_subscriber(database: Database) -> None:
    def attempt() -> str:
        try:
            return sign_up(database, "ada@example.org").address
        except BadInput as refused:
            return str(refused)

    answers = together(*[attempt] * 4)
    assert answers.count("ada@example.org") == 1
    assert sum("already a subscriber" in answer for answer in answers) == 3


@pytest.mark.parametrize("address", ["ada@example.org", "ADA@example.org", "ada@bücher.example"])
def test_a_suppressed_address_cannot_sign_up(database: Database, address: str) -> None:
    def refuse(envelope: Envelope, send: Callable[[Envelope], str]) -> str:
        if not envelope.recipient.startswith("r0"):
            raise NeverSend("550 no such mailbox")
        return send(envelope)

    add_subscribers(database, 3)
    subscriber = sign_up(database, address.lower(), confirmed=True)
    add_papers(database, *make_papers(3))
    deliver_due(delivery_context(database, Interposed(refuse)), at(TUESDAY))
    with database.begin() as connection:
        subscriber_store.delete_subscriber(connection, subscriber.id)
    with pytest.raises(BadInput, match="is suppressed"):
        sign_up(database, address)


def test_a_suppressed_address_is_stored_as_a_hash_only(database: Database) -> None:
    with database.begin() as connection:
        suppression_store.suppress(
            connection, address_hash("ada@example.org", SECRET), "asked for none", at(MONDAY)
        )
        suppression_store.suppress(connection, address_hash("ada@example.org", SECRET), "again", at(TUESDAY))
    with pytest.raises(BadInput):
        sign_up(database, "ada@example.org")


def test_an_invalid_paper_id_refuses_the_application(database: Database) -> None:
    add_papers(database, *make_papers(2))
    with pytest.raises(BadInput):
        sign_up(database, "ada@example.org", "2603.00001", "no id")
    with pytest.raises(NotFound), database.read() as connection:
        find_subscriber(connection, "ada@example.org")


def test_likes_in_any_form_count_once(database: Database) -> None:
    add_papers(database, *make_papers(4))
    subscriber = sign_up(
        database, "ada@example.org", "2603.00002v3", "arXiv:2603.00002", "https://arxiv.org/pdf/2603.00001"
    )
    with database.read() as connection:
        assert sorted(feedback_store.read_feedback(connection, [subscriber.id])[subscriber.id]) == [
            (1, "more"),
            (2, "more"),
        ]


def test_liked_papers_are_never_picked(database: Database) -> None:
    add_papers(database, *make_papers(8, subject="splats"), upvotes=9)
    subscriber = add_subscriber(database, likes=["2603.00001", "2603.00002"])
    deliver_due(delivery_context(database), at(TUESDAY))
    (papers,) = received_by(database, subscriber).values()
    assert len(papers) == 6
    assert not {"2603.00001", "2603.00002"} & set(papers)


def test_each_application_of_a_batch_is_checked_separately(database: Database) -> None:
    add_subscriber(database, "old@example.org")
    applications = [
        Application(parse_address("ada@example.org")),
        Application(parse_address("old@example.org")),
        Application(parse_address("bo@example.org"), likes=("no id",)),
        Application(parse_address("Ada@Example.org")),
        Application(parse_address("cy@example.org"), interests=Interests(topics=("robots",))),
    ]
    with database.begin() as connection:
        results = subscribe_many(
            connection, ProfileBuilder(), SECRET, applications, at(MONDAY), confirmed=True, how="test"
        )
    assert [type(result) for result in results] == [
        Subscriber,
        BadInput,
        BadInput,
        BadInput,
        Subscriber,
    ]
    taken = [result for result in results if isinstance(result, Subscriber)]
    assert [subscriber_now(database, one.address).id for one in taken] == [one.id for one in taken]


def test_an_application_without_an_address_is_refused() -> None:
    with pytest.raises(BadInput, match="not a mail address"):
        application_from(address="no address")


def test_a_subscriber_with_topics_has_a_profile_at_once(database: Database) -> None:
    add_papers(database, *make_papers(8))
    told = add_subscriber(database, "told@example.org", topics=["gaussian splatting"])
    silent = add_subscriber(database, "silent@example.org", must=["robot"])
    with database.read() as connection:
        assert set(term_store.read_profiles(connection, [told.id, silent.id])) == {told.id}


@pytest.mark.parametrize("number", [0, 51, -1])
def test_the_number_of_papers_per_mail_is_limited(number: int) -> None:
    with pytest.raises(BadInput, match="1 to 50"):
        Application(parse_address("ada@example.org"), max_papers=number)


def test_all_stored_data_can_be_shown(database: Database) -> None:
    add_papers(database, *make_papers(8))
    subscriber = add_subscriber(database, topics=["gaussian splatting"], likes=["2603.00004"])
    plan_due(database, at(TUESDAY))
    deliver_ready(delivery_context(database), lambda: at(TUESDAY) + timedelta(minutes=1))
    with database.read() as connection:
        shown = personal_data(connection, "ADA@example.org")
    assert shown["reader"]["address"] == subscriber.address
    assert [one["id"] for one in shown["feedback"]] == ["2603.00004"]
    assert [one["interest"] for one in shown["profile"]]
    assert [one["id"] for one in shown["received"]] == received_by(database, subscriber)[TUESDAY]
    assert [one["what"] for one in shown["consents"]] == [CONSENT]
