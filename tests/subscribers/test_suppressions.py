"""Suppressions: adding, showing and lifting; and the log that is applied to a restored backup."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from digest.domain.subscriber import Status, SuppressionEvent
from digest.errors import BadInput, NeverSend, NotFound
from digest.mail.envelope import Envelope
from digest.store import consents as consent_store
from digest.store import suppressions as suppression_store
from digest.store.database import Database
from digest.store.models import subscribers, suppression_log, suppressions
from digest.store.suppressions import Entry
from digest.subscribers.addresses import address_hash
from digest.subscribers.consent import resubscribe, unsubscribe
from digest.subscribers.preferences import pause, remove
from digest.subscribers.signup import find_subscriber
from digest.subscribers.suppression_file import apply_file, export_lines
from digest.subscribers.suppressions import (
    AddressState,
    address_state,
    described,
    lift,
    listed,
    reasons_by_address,
    suppress,
)
from tests.factories import (
    DAY,
    MONDAY,
    SECRET,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Interposed,
    add_papers,
    add_subscriber,
    add_subscribers,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    sent_to,
    subscriber_now,
)

ADA = "ada@example.org"


def refuse_ada(envelope: Envelope, send: Callable[[Envelope], str]) -> str:
    if envelope.recipient == ADA:
        raise NeverSend("550 5.1.1 no such user")
    return send(envelope)


def suppressed_hashes(database: Database) -> set[str]:
    with database.read() as connection:
        return {one.address_hash for one in suppression_store.newest(connection, 1000)}


# Adding and lifting


def test_a_suppressed_address_gets_no_mail_until_the_suppression_is_lifted(database: Database) -> None:
    post = delivery_context(database)
    add_papers(database, *make_papers(30))
    add_subscriber(database)
    told, known = suppress(database, SECRET, " ADA@example.org ", "asked by phone", at(MONDAY))
    assert (told, known and known.status) == ("ADA@example.org", "suppressed")
    assert deliver_due(post, at(TUESDAY)).sent == 0
    told, known = lift(database, SECRET, ADA, "the mailbox is back", at(WEDNESDAY))
    assert known is not None
    assert (known.status, known.next_due_at) == ("active", None)
    assert deliver_due(post, at(WEDNESDAY)).sent == 1
    with pytest.raises(NotFound, match="suppressions list"):
        lift(database, SECRET, ADA, "again", at(WEDNESDAY))


@pytest.mark.parametrize("status", ["pending", "active", "paused", "unsubscribed"])
def test_a_lift_restores_the_former_status(database: Database, status: Status) -> None:
    add_subscriber(database, status=status)
    suppress(database, SECRET, ADA, "no reason", at(TUESDAY))
    assert subscriber_now(database, ADA).status == "suppressed"
    lift(database, SECRET, ADA, "no reason", at(WEDNESDAY))
    assert subscriber_now(database, ADA).status == status


def test_a_suppression_after_a_refused_digest_can_be_lifted(database: Database) -> None:
    add_subscribers(database, 3)
    subscriber = add_subscriber(database)
    add_papers(database, *make_papers(30))
    deliver_due(delivery_context(database, Interposed(refuse_ada)), at(TUESDAY))
    with database.read() as connection:
        found = described(connection, SECRET, ADA)
        assert reasons_by_address(connection, SECRET, {ADA, "x@example.org"}) == {ADA: found["reason"]}
    assert found["reason"] == "refused: 550 5.1.1 no such user"
    assert (found["is_suppressed"], found["former_status"]) == (True, "active")
    lift(database, SECRET, ADA, "was a fault of the server", at(TUESDAY, 9))
    post = delivery_context(database)
    assert deliver_due(post, at(TUESDAY, 10)).sent == 0
    assert deliver_due(post, at(WEDNESDAY)).sent == 1
    assert [row.status for row in deliveries_of(database, subscriber)] == ["failed", "sent"]


@pytest.mark.parametrize("days", [0, 3])
def test_a_lift_asks_unconfirmed_subscribers_to_confirm(database: Database, days: int) -> None:
    add_subscriber(database, "ben@example.org", status=Status.PENDING, now=at(MONDAY))
    add_subscriber(database, status=Status.PENDING, now=at(MONDAY))
    deliver_due(delivery_context(database, Interposed(refuse_ada)), at(MONDAY))
    assert subscriber_now(database, ADA).status == "suppressed"
    later = at(MONDAY, 12) + days * DAY
    lift(database, SECRET, ADA, "typed wrongly there", later)
    assert subscriber_now(database, ADA).status == "pending"
    post = delivery_context(database)
    deliver_due(post, later + timedelta(hours=1))
    assert sent_to(post.transport) == [ADA]  # type: ignore[arg-type]


def test_a_subscriber_who_unsubscribes_while_suppressed_stays_unsubscribed(database: Database) -> None:
    subscriber = add_subscriber(database)
    suppress(database, SECRET, ADA, "no reason", at(TUESDAY))
    for _ in range(2):
        left = unsubscribe(database, SECRET, subscriber.key, at(TUESDAY, 12), "web")
        assert left is not None
        assert left.status == "suppressed"
    lift(database, SECRET, ADA, "no reason", at(WEDNESDAY))
    assert subscriber_now(database, ADA).status == "unsubscribed"
    with database.read() as connection:
        assert len(consent_store.read_consents(connection, subscriber.id)) == 2


def test_suppressions_of_earlier_versions_can_be_lifted(database: Database) -> None:
    for name, status in (("a", "active"), ("b", "pending"), ("c", "active"), ("d", "active")):
        add_subscriber(database, f"{name}@example.org", status=status)  # type: ignore[arg-type]
    unsubscribe(database, SECRET, subscriber_now(database, "c@example.org").key, at(MONDAY, 9), "web")
    pause(database, "d@example.org", THURSDAY, at(MONDAY))
    with database.begin() as connection:
        connection.execute(update(subscribers).values(status="suppressed"))
        for name in "abc":
            fingerprint = address_hash(f"{name}@example.org", SECRET)
            suppression_store.suppress(connection, fingerprint, "refused", at(TUESDAY))
    for name, status in (("a", "active"), ("b", "pending"), ("c", "unsubscribed"), ("d", "paused")):
        lift(database, SECRET, f"{name}@example.org", "no reason", at(WEDNESDAY))
        assert subscriber_now(database, f"{name}@example.org").status == status


def test_an_address_without_a_subscriber_can_be_suppressed_and_lifted(database: Database) -> None:
    assert suppress(database, SECRET, "never@example.org", "a trap", at(TUESDAY))[1] is None
    with database.read() as connection:
        (row,) = listed(connection, SECRET, 10)
        assert (row["address"], row["reason"], row["since_at"]) == (None, "a trap", at(TUESDAY))
    with pytest.raises(BadInput, match="already"):
        suppress(database, SECRET, "never@example.org", "a trap", at(TUESDAY))
    assert lift(database, SECRET, "never@example.org", "no trap", at(WEDNESDAY))[1] is None
    assert suppressed_hashes(database) == set()


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_a_reason_is_one_short_line(database: Database, reason: str) -> None:
    with pytest.raises(BadInput, match="reason"):
        suppress(database, SECRET, ADA, reason, at(TUESDAY))


def test_the_list_names_the_addresses_that_are_still_stored(database: Database) -> None:
    for number in range(5):
        add_subscriber(database, f"r{number}@example.org")
        suppress(
            database, SECRET, f"r{number}@example.org", f"reason {number}", at(TUESDAY) + number * DAY / 24
        )
    remove(database, SECRET, "r4@example.org", at(WEDNESDAY))
    with database.read() as connection:
        found = listed(connection, SECRET, 3)
        assert [one["address"] for one in found] == [None, "r3@example.org", "r2@example.org"]
        assert [one["reason"] for one in listed(connection, SECRET, 9, "REASON 1")] == ["reason 1"]
        assert suppression_store.count(connection) == 5
        with pytest.raises(NotFound):
            described(connection, SECRET, "stranger@example.org")


# The log


entries = st.lists(
    st.builds(
        Entry,
        st.just("h"),
        st.sampled_from(SuppressionEvent),
        st.just(""),
        st.integers(0, 9).map(lambda hour: at(TUESDAY, hour)),
    ),
    max_size=12,
).map(lambda found: sorted(found, key=lambda one: one.happened_at))


@given(entries)
def test_the_state_of_an_address_follows_from_its_log(log: list[Entry]) -> None:
    standing = address_state(log)
    events = [one.event for one in log]
    assert (standing.erased_at is not None) == ("erased" in events)
    about_mail = [one for one in log if one.event in {"suppressed", "lifted"}]
    assert (standing.suppressed or standing.lifted) == (about_mail[-1] if about_mail else None)
    about_leaving = [one for one in events if one in {"unsubscribed", "returned", "erased"}]
    assert (standing.left_at is not None) == (about_leaving[-1:] == ["unsubscribed"])
    assert address_state([]) == AddressState()


def write(database: Database, file: Path, hour: int = 12) -> Path:
    file.write_text("".join(f"{line}\n" for line in export_lines(database, SECRET, at(THURSDAY, hour))))
    return file


def roll_back(database: Database) -> None:
    """Restore the state of Tuesday: the old subscribers, and no log."""
    with database.begin() as connection:
        connection.execute(delete(suppression_log))
        connection.execute(delete(suppressions))
        connection.execute(update(subscribers).values(status="active"))


def test_the_log_repeats_unsubscriptions_erasures_and_suppressions(
    database: Database, tmp_path: Path
) -> None:
    names = ("left", "back", "erased", "refused", "stays", "lifted")
    there = {name: add_subscriber(database, f"{name}@example.org", now=at(MONDAY)) for name in names}
    unsubscribe(database, SECRET, there["left"].key, at(WEDNESDAY, 1), "web")
    unsubscribe(database, SECRET, there["back"].key, at(WEDNESDAY, 1), "web")
    resubscribe(database, SECRET, there["back"].key, at(WEDNESDAY, 2), "web")
    remove(database, SECRET, "erased@example.org", at(WEDNESDAY, 3))
    suppress(database, SECRET, "refused@example.org", "refused: 550", at(WEDNESDAY, 4))
    suppress(database, SECRET, "lifted@example.org", "refused: 550", at(WEDNESDAY, 4))
    lift(database, SECRET, "lifted@example.org", "no reason", at(WEDNESDAY, 5))
    suppress(database, SECRET, "never@example.org", "a trap", at(WEDNESDAY, 6))
    before = suppressed_hashes(database)
    file = write(database, tmp_path / "log.jsonl")
    assert "example.org" not in file.read_text()
    roll_back(database)
    add_subscriber(database, "erased@example.org", now=at(MONDAY))
    done = apply_file(database, SECRET, file, at(THURSDAY, 13))
    assert (done.entries, done.added, done.rejected) == (8, 8, [])
    assert (done.unsubscribed, done.erased, done.suppressed, done.lifted) == (1, 1, 2, 0)
    for name, status in {
        "left": "unsubscribed",
        "back": "active",
        "refused": "suppressed",
        "stays": "active",
        "lifted": "active",
    }.items():
        assert subscriber_now(database, f"{name}@example.org").status == status, name
    with database.read() as connection, pytest.raises(NotFound):
        find_subscriber(connection, "erased@example.org")
    assert suppressed_hashes(database) == before
    again = apply_file(database, SECRET, file, at(THURSDAY, 14))
    assert (again.entries, again.added) == (8, 0)
    assert (again.unsubscribed, again.erased, again.suppressed, again.lifted) == (0, 0, 0, 0)
    # A mail planned before the backup is not sent to a subscriber who unsubscribed after it.
    add_papers(database, *make_papers(20, announced_on=WEDNESDAY))
    post = delivery_context(database)
    deliver_due(post, at(THURSDAY, 15))
    assert set(sent_to(post.transport)) == {f"{name}@example.org" for name in ("back", "stays", "lifted")}  # type: ignore[arg-type]


def test_a_lift_after_the_backup_is_applied(database: Database, tmp_path: Path) -> None:
    add_subscriber(database)
    suppress(database, SECRET, ADA, "refused: 550", at(TUESDAY, 4))
    lift(database, SECRET, ADA, "no reason", at(WEDNESDAY, 5))
    file = write(database, tmp_path / "log.jsonl")
    with database.begin() as connection:
        connection.execute(delete(suppression_log).where(suppression_log.c.event == "lifted"))
        subscriber = find_subscriber(connection, ADA)
        suppression_store.suppress_subscriber(
            connection, subscriber.id, address_hash(ADA, SECRET), "refused: 550", at(TUESDAY, 4)
        )
    assert apply_file(database, SECRET, file, at(THURSDAY)).lifted == 1
    assert (subscriber_now(database, ADA).status, suppressed_hashes(database)) == ("active", set())


def test_applying_a_log_to_its_own_database_changes_nothing(database: Database, tmp_path: Path) -> None:
    """A subscriber who was erased and signed up again stays, too."""
    gone = add_subscriber(database, now=at(MONDAY))
    unsubscribe(database, SECRET, gone.key, at(MONDAY, 9), "web")
    remove(database, SECRET, ADA, at(TUESDAY))
    add_subscriber(database, now=at(WEDNESDAY))
    file = write(database, tmp_path / "log.jsonl")
    apply_file(database, SECRET, file, at(THURSDAY))
    assert subscriber_now(database, ADA).status == "active"


def test_unsubscriptions_before_the_log_existed_are_exported(database: Database, tmp_path: Path) -> None:
    left = add_subscriber(database)
    unsubscribe(database, SECRET, left.key, at(TUESDAY), "web")
    suppress(database, SECRET, "never@example.org", "a trap", at(TUESDAY))
    with database.begin() as connection:
        connection.execute(delete(suppression_log))
    first = write(database, tmp_path / "one.jsonl").read_text()
    lines = [json.loads(line) for line in first.splitlines()[1:]]
    assert {(one["event"], one["happened_at"]) for one in lines} == {
        ("suppressed", at(TUESDAY).isoformat()),
        ("unsubscribed", at(TUESDAY).isoformat()),
    }
    assert write(database, tmp_path / "two.jsonl").read_text() == first


BAD_LINES = [
    "nonsense",
    "[]",
    "null",
    '{"address_hash": "zz", "event": "erased", "reason": "", "happened_at": "2026-03-03T00:00:00+00:00"}',
    json.dumps({"address_hash": "a" * 64, "event": "praised", "reason": "", "happened_at": "2026-03-03"}),
    json.dumps({"address_hash": "a" * 64, "event": "erased", "reason": "", "happened_at": "2026-03-03"}),
    json.dumps({"address_hash": "a" * 64, "event": "erased", "reason": "", "happened_at": "yesterday"}),
    json.dumps(
        {
            "address_hash": "a" * 64,
            "event": "erased",
            "reason": "",
            "happened_at": "9999-12-31T23:59:59+00:00",
        }
    ),
    json.dumps(
        {
            "address_hash": "a" * 64,
            "event": "erased",
            "reason": "\ud800",
            "happened_at": "2026-03-03T00:00:00+00:00",
        }
    ),
    json.dumps({"address_hash": "a" * 64, "event": ["erased"], "reason": 3, "happened_at": None}),
    "[" * 100_000,
]


def test_a_bad_line_affects_only_itself(database: Database, tmp_path: Path) -> None:
    subscriber = add_subscriber(database)
    unsubscribe(database, SECRET, subscriber.key, at(WEDNESDAY), "web")
    file = write(database, tmp_path / "log.jsonl")
    header, good = file.read_text().splitlines()
    file.write_text("\n".join([header, *BAD_LINES, good, ""]))
    roll_back(database)
    done = apply_file(database, SECRET, file, at(THURSDAY))
    assert (done.entries, len(done.rejected), done.unsubscribed) == (1, len(BAD_LINES), 1)
    assert done.rejected[0].startswith("log.jsonl:2: ")


def test_a_file_of_another_key_or_of_another_kind_is_refused(database: Database, tmp_path: Path) -> None:
    file = write(database, tmp_path / "log.jsonl")
    with pytest.raises(BadInput, match="DIGEST_SECRET_KEY"):
        apply_file(database, b"another secret", file, at(THURSDAY))
    other = tmp_path / "other.jsonl"
    for content in ("", "{}\n", "hello\n", '{"address": "ada@example.org"}\n'):
        other.write_text(content)
        with pytest.raises(BadInput, match="suppressions export"):
            apply_file(database, SECRET, other, at(THURSDAY))
    with pytest.raises(BadInput, match="cannot be read"):
        apply_file(database, SECRET, tmp_path / "none.jsonl", at(THURSDAY))


def test_the_log_is_applied_to_a_copy_of_a_database_file(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    subscriber = add_subscriber(database)
    database.close()
    backup = tmp_path / "backup.db"
    shutil.copy(tmp_path / "digest.db", backup)
    unsubscribe(database, SECRET, subscriber.key, at(WEDNESDAY), "web")
    file = write(database, tmp_path / "log.jsonl")
    database.close()
    restored = Database(f"sqlite:///{backup}")
    assert apply_file(restored, SECRET, file, at(THURSDAY)).unsubscribed == 1
    assert subscriber_now(restored, ADA).status == "unsubscribed"
    restored.close()
