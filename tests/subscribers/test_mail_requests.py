"""Requests by address: stored with one statement, processed once, limited per mailbox; on both databases."""

from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event

from digest.domain.delivery import Kind
from digest.domain.subscriber import Frequency, Interests, Schedule, Status
from digest.errors import BadInput, StopRun
from digest.store import delivery_reports
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.feedback import read_feedback
from digest.store.mail_request_models import confirmation_counts
from digest.store.mail_request_models import mail_requests as request_table
from digest.store.papers import row_ids_of
from digest.subscribers.addresses import address_hash, parse_address
from digest.subscribers.consent import CONFIRMATIONS_PER_MAILBOX, request_confirmation_again, unsubscribe
from digest.subscribers.mail_requests import delete_confirmation_counts, process_requests, request_mail
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import confirm
from tests.factories import (
    SECRET,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliveries_of,
    delivery_context,
    make_papers,
    set_status,
    subscriber_now,
    together,
    whole_run,
)

NOW = at(WEDNESDAY)


def take(database: Database, days: float = 0) -> int:
    return process_requests(database, ProfileBuilder(), SECRET, NOW + timedelta(days=days))


def request(database: Database, *addresses: str, kind: Kind = Kind.CONFIRM) -> None:
    for address in addresses:
        request_mail(database, kind, parse_address(address), NOW)


def waiting(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.address for row in connection.execute(request_table.select())]


def mails(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        return sorted((row.kind, row.address) for row in delivery_reports.find(connection, limit=1000))


@pytest.mark.parametrize("kind", [Kind.CONFIRM, Kind.LINKS])
def test_a_request_executes_the_same_statements_for_any_address(database: Database, kind: Kind) -> None:
    for status in Status:
        add_subscriber(database, f"{status}@example.org", status=status)
    with database.begin() as connection:
        suppression_store.suppress(connection, address_hash("hard@example.org", SECRET), "bounce", NOW)
    said: list[str] = []

    def note(*call: Any) -> None:
        said.append(call[2])

    event.listen(database.engine, "before_cursor_execute", note)
    seen = set()
    for name in ("active", "paused", "pending", "unsubscribed", "suppressed", "hard", "stranger"):
        said.clear()
        request(database, f"{name}@example.org", kind=kind)
        seen.add(tuple(said))
    event.remove(database.engine, "before_cursor_execute", note)
    (statements,) = seen
    assert len([one for one in statements if not one.startswith("BEGIN")]) == 1


def test_an_invalid_address_is_refused_and_not_stored(database: Database) -> None:
    with pytest.raises(BadInput):
        request(database, "ada")
    assert waiting(database) == []


def test_every_request_is_processed_once(database: Database) -> None:
    add_subscriber(database, "ada@example.org")
    request(database, "new@example.org", "NEW@example.org", "ada@example.org")
    request(database, "ada@example.org", "ADA@example.org", "stranger@example.org", kind=Kind.LINKS)
    assert len(waiting(database)) == 6
    assert take(database) == 2
    assert waiting(database) == []
    assert mails(database) == [("confirm", "new@example.org"), ("links", "ada@example.org")]
    assert take(database) == 0


def test_concurrent_processes_plan_each_mail_once(database: Database) -> None:
    request(database, *(f"a{number % 12}@example.org" for number in range(36)))
    counts = together(*[lambda: take(database)] * 4)
    # A conflict of two processes at one address leaves a request for the next run.
    assert sum(counts) + take(database) == 12
    assert waiting(database) == []
    assert len(mails(database)) == 12


def test_a_crash_loses_and_repeats_nothing(database: Database) -> None:
    request(database, "ada@example.org", "bo@example.org")

    def crash(*call: Any) -> None:
        if call[2].startswith("DELETE FROM mail_requests"):
            raise KeyboardInterrupt

    event.listen(database.engine, "before_cursor_execute", crash)
    with pytest.raises(KeyboardInterrupt):
        take(database)
    event.remove(database.engine, "before_cursor_execute", crash)
    assert len(waiting(database)) == 2
    assert mails(database) == []
    assert take(database) == 2
    assert waiting(database) == []


def test_a_request_that_fails_affects_only_itself(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    request(database, "ada@example.org", "bo@example.org", "cy@example.org")
    with database.begin() as connection:
        broken = request_table.update().where(request_table.c.address == "bo@example.org")
        connection.execute(broken.values(address="no address"))
    assert take(database) == 2
    assert waiting(database) == []
    assert "a request for mail failed and is dropped" in caplog.text


def test_without_a_database_requests_stay_stored(tmp_path: Any) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StopRun):
        take(database)
    database.close()


def test_a_run_by_cron_processes_requests_and_sends_their_mails(database: Database) -> None:
    request(database, "new@example.org")
    assert whole_run(delivery_context(database), NOW).deliveries.sent == 1
    assert waiting(database) == []


# The limit on confirmations per mailbox and day.

GMAIL = ("vic.tim+{}@gmail.com", "v.i.c.t.i.m+{}@googlemail.com", "VICTIM+{}@gmail.com")


def test_all_spellings_of_a_mailbox_share_the_daily_limit(database: Database) -> None:
    request(database, *(GMAIL[number % 3].format(number) for number in range(30)))
    assert take(database) == CONFIRMATIONS_PER_MAILBOX
    with database.read() as connection:
        assert subscriber_store.count_by_status(connection) == {"pending": CONFIRMATIONS_PER_MAILBOX}
    request(database, "other@gmail.com", "victim@example.org")
    assert take(database) == 2
    request(database, *(GMAIL[number % 3].format(number) for number in range(30, 60)))
    assert take(database, days=0.5) == 0
    request(database, *(GMAIL[number % 3].format(number) for number in range(60, 90)))
    assert take(database, days=1) == CONFIRMATIONS_PER_MAILBOX


def test_unsubscribed_and_unconfirmed_subscribers_count_towards_the_same_limit(database: Database) -> None:
    gone = add_subscriber(database, "ada+gone@example.org")
    unsubscribe(database, SECRET, gone.key, NOW, "test")
    pending = add_subscriber(
        database, "ada+late@example.org", status=Status.PENDING, now=NOW - timedelta(days=60)
    )
    request(database, *(f"ada+{number}@example.org" for number in range(CONFIRMATIONS_PER_MAILBOX - 1)))
    take(database)
    assert request_confirmation_again(database, SECRET, pending.key, NOW) is not None
    request(database, "ada+gone@example.org")
    assert take(database) == 0
    assert subscriber_now(database, gone.address).status == "unsubscribed"
    assert request_confirmation_again(database, SECRET, gone.key, NOW) is None
    request(database, "ada+gone@example.org")
    assert take(database, days=1) == 1
    assert subscriber_now(database, gone.address).status == "pending"


def test_two_requests_for_one_address_count_once(database: Database) -> None:
    request(database, *["ada@example.org"] * 9, "ada+b@example.org")
    assert take(database) == 2
    assert len(deliveries_of(database, subscriber_now(database, "ada@example.org"))) == 1


def test_concurrent_processes_keep_the_limit_of_a_mailbox(database: Database) -> None:
    """Without the lock, each process would count before another has committed."""
    both = Barrier(4)
    request(database, *(f"ada+{number}@example.org" for number in range(12)))

    def work() -> int:
        both.wait(10)
        return take(database)

    assert sum(together(*[work] * 4)) == CONFIRMATIONS_PER_MAILBOX
    assert waiting(database) == []


def test_counts_of_past_days_are_deleted_and_contain_no_address(database: Database) -> None:
    request(database, "victim@example.org")
    take(database)
    with database.read() as connection:
        (row,) = connection.execute(confirmation_counts.select()).all()
    assert "victim" not in str(row)
    delete_confirmation_counts(database, NOW)
    with database.read() as connection:
        assert len(connection.execute(confirmation_counts.select()).all()) == 1
    delete_confirmation_counts(database, NOW + timedelta(days=2))
    with database.read() as connection:
        assert connection.execute(confirmation_counts.select()).all() == []


PREFERENCES: dict[str, Any] = {
    "topics": ["KV cache compression"],
    "categories": ["cs.LG"],
    "likes": ["2603.00002", "2603.09999"],
    "timezone": "Europe/Berlin",
    "hour": 18,
    "frequency": "weekdays",
}


def test_a_request_carries_the_first_preferences(database: Database) -> None:
    add_papers(database, *make_papers(3))
    request_mail(database, Kind.CONFIRM, parse_address("ada@example.org"), NOW, PREFERENCES)
    assert take(database) == 1
    added = subscriber_now(database, "ada@example.org")
    assert added.status == "pending"
    assert added.interests == Interests(topics=("KV cache compression",), categories=("cs.LG",))
    assert added.schedule == Schedule("Europe/Berlin", 18, Frequency.WEEKDAYS)
    with database.read() as connection:
        assert len(read_feedback(connection, [added.id])[added.id]) == 1
        assert term_store.read_profiles(connection, [added.id])[added.id].interests


def test_the_preferences_of_the_last_sign_up_apply_until_somebody_confirms(database: Database) -> None:
    add_papers(database, *make_papers(3))
    for topic, liked in (("speech recognition", "2603.00001"), ("protein folding", "2603.00002")):
        said = {"topics": [topic], "hour": 9, "likes": [liked]}
        request_mail(database, Kind.CONFIRM, parse_address("ada@example.org"), NOW, said)
        take(database)
    request(database, "ada@example.org")
    take(database)
    ada = subscriber_now(database, "ada@example.org")
    assert (ada.interests.topics, ada.schedule.hour) == (("protein folding",), 9)
    with database.read() as connection:
        row_ids = row_ids_of(connection, ["2603.00002"])
        assert read_feedback(connection, [ada.id]) == {ada.id: [(row_ids["2603.00002"], "more")]}
    confirm(database, SECRET, ada.address, NOW, "test")
    for status in (Status.ACTIVE, Status.UNSUBSCRIBED):
        set_status(database, ada, status)
        request_mail(database, Kind.CONFIRM, parse_address("ada@example.org"), NOW, {"topics": ["spam"]})
        take(database)
        assert subscriber_now(database, "ada@example.org").interests.topics == ("protein folding",)


def test_the_language_of_the_last_sign_up_applies_and_keeps_the_preferences(
    database: Database, pseudo_language: str
) -> None:
    ada = parse_address("ada@example.org")
    request_mail(database, Kind.CONFIRM, ada, NOW, {"topics": ["protein folding"]})
    request_mail(database, Kind.CONFIRM, ada, NOW, {"language": pseudo_language})
    take(database)
    stored = subscriber_now(database, ada.mailbox)
    assert (stored.language, stored.interests.topics) == (pseudo_language, ("protein folding",))
    confirm(database, SECRET, ada.mailbox, NOW, "test")
    request_mail(database, Kind.CONFIRM, ada, NOW, {"language": "en"})
    take(database)
    assert subscriber_now(database, ada.mailbox).language == pseudo_language


@pytest.mark.parametrize(
    "wrong",
    [
        {"hour": 24},
        {"frequency": "hourly"},
        {"timezone": "Nowhere/City"},
        {"topics": ["x" * 501]},
        {"categories": ["no category"]},
        {"likes": ["no id"]},
        {"language": "tlh"},
    ],
    ids=str,
)
def test_a_request_with_an_invalid_preference_is_refused(database: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        request_mail(database, Kind.CONFIRM, parse_address("ada@example.org"), NOW, wrong)
    assert waiting(database) == []
