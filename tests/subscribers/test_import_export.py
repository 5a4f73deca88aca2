"""Import and export of subscribers: an export can be imported unchanged, and a bad line affects only itself."""

import csv
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from digest.delivery.plan import plan_due
from digest.domain.subscriber import FREQUENCIES, LAYOUTS, STATUSES, Status, clean_words
from digest.errors import BadInput
from digest.store import consents as consent_store
from digest.store import overview
from digest.store import picks as pick_store
from digest.store import subscribers as subscriber_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.models import suppressions
from digest.store.schema import upgrade
from digest.subscribers.import_export import Imported, change_from, export_lines, import_subscribers
from digest.subscribers.preferences import change
from digest.subscribers.privacy import personal_data
from digest.subscribers.profiles import ProfileBuilder, build_missing
from digest.text.languages import LANGUAGES
from tests.factories import (
    SECRET,
    TUESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    make_papers,
    subscriber_now,
)


def take(database: Database, file: Path, *, confirmed: bool = True) -> Imported:
    """Import a file; return the final result."""
    results = import_subscribers(database, ProfileBuilder(), SECRET, file, at(TUESDAY), confirmed=confirmed)
    return list(results)[-1]


def write(folder: Path, *records: Any, name: str = "subscribers.jsonl") -> Path:
    file = folder / name
    lines = (one if isinstance(one, str) else json.dumps(one) for one in records)
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def elsewhere(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder / 'elsewhere.db'}")
    upgrade(database)
    return database


def stored_data_of(database: Database, address: str) -> dict[str, Any]:
    """Return the stored data of a subscriber that an export must contain."""
    with database.read() as connection:
        shown = personal_data(connection, address)
    subscriber = {name: value for name, value in shown["reader"].items() if not name.endswith("_at")}
    return {**subscriber, "feedback": sorted((one["id"], one["verdict"]) for one in shown["feedback"])}


def test_an_export_can_be_imported_unchanged(database: Database, tmp_path: Path) -> None:
    add_papers(database, *make_papers(6))
    add_subscriber(
        database,
        "ada+papers@bücher.example",
        topics=["gaussian “splatting”", "TeX $x^2$"],
        must=["room|house"],
        mute=["survey"],
        follow=["Bo Li", "Ünal Öz"],
        categories=["cs.CV", "hep-th"],
        likes=["2603.00003", "2603.00001"],
        timezone="America/Argentina/Buenos_Aires",
        hour=0,
        frequency="weekdays",
        max_papers=17,
        layout="compact",
    )
    change(
        database,
        ProfileBuilder(),
        "ada+papers@bücher.example",
        change_from(),
        at(TUESDAY),
        dislikes=["2603.00005"],
    )
    add_subscriber(database, "plain@example.org")
    file = write(tmp_path, *export_lines(database))
    other = elsewhere(tmp_path)
    add_papers(other, *make_papers(6))
    assert take(other, file).rejected == []
    for address in ("ada+papers@bücher.example", "plain@example.org"):
        assert stored_data_of(other, address) == stored_data_of(database, address)
    assert list(export_lines(other)) == list(export_lines(database))
    # With equal topics, the profile is equal.
    profiles = []
    for one in (database, other):
        with one.read() as connection:
            number = subscriber_now(one, "ada+papers@bücher.example").id
            profiles.append(term_store.read_profiles(connection, [number])[number].to_bytes())
    assert profiles[0] == profiles[1]
    other.close()


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_an_import_keeps_every_status(
    database: Database, tmp_path: Path, status: Status, *, confirmed: bool
) -> None:
    add_subscriber(database, status=status)
    file = write(tmp_path, *export_lines(database))
    other = elsewhere(tmp_path)
    assert take(other, file, confirmed=confirmed).added == 1
    moved = subscriber_now(other, "ada@example.org")
    if status in {"unsubscribed", "suppressed"}:
        assert moved.status == status
    else:
        assert moved.status == (status if confirmed else "pending")
    assert [row.kind for row in deliveries_of(other, moved)] == (
        ["confirm"] if moved.status == "pending" else []
    )
    assert plan_due(other, at(TUESDAY)) == (moved.status == "active")
    with other.read() as connection:
        assert bool(consent_store.read_consents(connection, moved.id)) == (
            moved.status in {"active", "paused"}
        )
        assert len(connection.execute(select(suppressions)).all()) == (status == "suppressed")
    other.close()


@pytest.mark.parametrize("until", [date(2026, 4, 1), date(2026, 1, 5), None])
def test_a_pause_is_restored_with_its_end(database: Database, tmp_path: Path, until: date | None) -> None:
    paused = add_subscriber(database, status=Status.PAUSED)
    with database.begin() as connection:
        subscriber_store.update_subscriber(connection, replace(paused, paused_until=until))
    file = write(tmp_path, *export_lines(database))
    other = elsewhere(tmp_path)
    assert take(other, file).rejected == []
    moved = subscriber_now(other, "ada@example.org")
    assert (moved.status, moved.paused_until) == ("paused", until)
    assert list(export_lines(other)) == list(export_lines(database))
    other.close()


def test_a_pause_does_not_outlast_a_new_confirmation(database: Database, tmp_path: Path) -> None:
    record = {"address": "ada@example.org", "status": "paused", "paused_until": "2026-04-01"}
    assert take(database, write(tmp_path, record), confirmed=False).rejected == []
    moved = subscriber_now(database, "ada@example.org")
    assert (moved.status, moved.paused_until) == ("pending", None)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"topics": [1, 2]}, "topics"),
        ({"likes": {"a": "b"}}, "likes"),
        ({"hour": "seven"}, "hour"),
        ({"hour": 24}, "hour"),
        ({"hour": True}, "hour"),
        ({"max_papers": 7.5}, "max_papers"),
        ({"timezone": 3}, "timezone"),
        ({"timezone": "Mars/Base"}, "time zone"),
        ({"frequency": "hourly"}, "frequency"),
        ({"status": ["active"]}, "status"),
        ({"status": "cancelled"}, "status"),
        ({"paused_until": "soon"}, "paused_until"),
        ({"paused_until": 20260401}, "paused_until"),
        ({"categories": ["not a category"]}, "category"),
        ({"address": 7}, "address"),
        ({"address": None}, "address"),
    ],
)
def test_an_error_is_one_line_that_names_the_field(
    database: Database, tmp_path: Path, record: dict[str, Any], field: str
) -> None:
    (rejected,) = take(database, write(tmp_path, {"address": "ada@example.org"} | record)).rejected
    assert rejected.startswith("subscribers.jsonl:1: ")
    assert field in rejected
    assert len(rejected.splitlines()) == 1
    assert len(rejected) < 300


def test_importing_twice_adds_nobody(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path, {"address": "ada@example.org"}, {"email": "bo@example.org"})
    assert take(database, file).added == 2
    again = take(database, file)
    assert (again.added, len(again.rejected)) == (0, 2)
    assert "subscribers.jsonl:1" in again.rejected[0]


BAD_LINES: list[Any] = [
    "{broken",
    "[]",
    "null",
    '"text"',
    "{" * 50_000,
    '{"address": ' + "[" * 50_000,
    {},
    {"address": ""},
    {"address": 7},
    {"address": "nobody"},
    {"address": "x@example.org", "topics": "ok", "likes": ["2603.00001", "no id"]},
    {"address": "x@example.org", "likes": ["no id"]},
    {"address": "x@example.org", "topics": [1, 2]},
    {"address": "x@example.org", "topics": {"a": "b"}},
    {"address": "x@example.org", "topics": ["x" * 501]},
    {"address": "x@example.org", "topics": [f"t{number}" for number in range(101)]},
    {"address": "x@example.org", "categories": ["not a category"]},
    {"address": "x@example.org", "timezone": "Mars/Base"},
    {"address": "x@example.org", "timezone": "../../etc/passwd"},
    {"address": "x@example.org", "timezone": 3},
    {"address": "x@example.org", "hour": 24},
    {"address": "x@example.org", "hour": "seven"},
    {"address": "x@example.org", "hour": 7.5},
    {"address": "x@example.org", "frequency": "hourly"},
    {"address": "x@example.org", "frequency": ["daily"]},
    {"address": "x@example.org", "max_papers": 0},
    {"address": "x@example.org", "layout": "wide"},
    {"address": "x@example.org", "language": "tlh"},
    {"address": "x@example.org", "language": 3},
    {"address": "x@example.org", "max_papers": 10**30},
    {"address": "x@example.org", "hour": True},
    {"address": "x@example.org", "topics": ["\ud800"]},
    {"address": "x@example.org", "status": "cancelled"},
    {"address": "x@example.org", "status": ["active"]},
]


def test_bad_lines_affect_only_themselves(database: Database, tmp_path: Path) -> None:
    good = [{"address": f"r{number}@example.org"} for number in range(len(BAD_LINES) + 1)]
    mixed: list[Any] = [good[0]]
    for bad, fine in zip(BAD_LINES, good[1:], strict=True):
        mixed += [bad, fine]
    done = take(database, write(tmp_path, *mixed))
    assert done.added == len(good)
    where = [line.partition(": ")[0] for line in done.rejected]
    assert sorted(where) == sorted(
        f"subscribers.jsonl:{2 * number}" for number in range(1, len(BAD_LINES) + 1)
    )
    assert all(len(line.splitlines()) == 1 for line in done.rejected)


def test_texts_that_no_database_accepts_are_cleaned(database: Database, tmp_path: Path) -> None:
    record = {"address": "ada@example.org", "topics": ["a\x00b robots\r\nBcc: x", "\x00"], "mute": ["\u200b"]}
    assert take(database, write(tmp_path, record)).rejected == []
    assert subscriber_now(database, "ada@example.org").interests.topics == ("ab robots Bcc: x",)


def test_a_csv_file_with_a_header_is_imported(database: Database, tmp_path: Path) -> None:
    add_papers(database, *make_papers(3))
    file = tmp_path / "subscribers.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as lines:
        table = csv.writer(lines)
        table.writerow(["Email", "Topics", "likes", "hour", "timezone", "max_papers", "unknown"])
        table.writerow(
            [
                "ada@example.org",
                "robots; speech, and more",
                "2603.00001;2603.00002",
                "6",
                "Asia/Tokyo",
                "",
                "x",
            ]
        )
        table.writerow(["bo@example.org"])
        table.writerow(["nobody", "", "", "", "", "", ""])
        table.writerow(["cy@example.org", "", "", "noon", "", "", ""])
        table.writerow([])
        table.writerow(["di@example.org", "", "", "", "", "5", "", "too", "many"])
    done = take(database, file)
    assert (done.added, len(done.rejected)) == (3, 2)
    ada = subscriber_now(database, "ada@example.org")
    assert ada.interests.topics == ("robots", "speech, and more")
    assert (ada.schedule.hour, ada.schedule.timezone, ada.max_papers) == (6, "Asia/Tokyo", 10)
    assert subscriber_now(database, "di@example.org").max_papers == 5


def test_an_unreadable_file_gives_one_sentence(database: Database, tmp_path: Path) -> None:
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b'{"address": "\xff\xfe"}')
    for file in (tmp_path / "absent.jsonl", tmp_path, binary):
        with pytest.raises(BadInput):
            take(database, file)


def test_an_empty_file_adds_nobody(database: Database, tmp_path: Path) -> None:
    assert take(database, write(tmp_path, "")).seen == 0


def test_progress_is_reported_after_each_transaction(database: Database, tmp_path: Path) -> None:
    file = write(tmp_path, *({"address": f"r{number}@example.org"} for number in range(1100)))
    seen = [
        done.seen
        for done in import_subscribers(database, ProfileBuilder(), SECRET, file, at(TUESDAY), confirmed=True)
    ]
    assert seen == [0, 500, 1000, 1100]
    assert sum(1 for _ in export_lines(database)) == 1100


def test_profiles_of_a_long_file_are_built_before_the_first_mail(database: Database, tmp_path: Path) -> None:
    add_papers(database, *make_papers(40))
    records = [
        {
            "address": f"r{number}@example.org",
            "topics": "gaussian splatting",
            "frequency": "daily" if number in {0, 500} else "off",
        }
        for number in range(501)
    ]
    assert take(database, write(tmp_path, *records)).added == 501
    first, last = (subscriber_now(database, f"r{number}@example.org").id for number in (0, 500))
    with database.read() as connection:
        assert term_store.read_profiles(connection, [first, last]) == {}
        assert overview.count_outdated_profiles(connection) == 501
    build_missing(database, ProfileBuilder(), [first], at(TUESDAY))
    with database.read() as connection:
        assert set(term_store.read_profiles(connection, [first, last])) == {first}
        assert term_store.unbuilt_profiles(connection, [first, last]) == [last]
    assert deliver_due(delivery_context(database), at(TUESDAY)).sent == 2
    with database.read() as connection:
        built = term_store.read_profiles(connection, range(first, last + 1))
    assert set(built) == {first, last}
    assert built[first].to_bytes() == built[last].to_bytes()
    (mail,) = deliveries_of(database, subscriber_now(database, "r500@example.org"))
    with database.read() as connection:
        (picks,) = pick_store.read_picks(connection, [(mail.id, last)]).values()
    assert "for_you" in {pick.section for pick in picks}


WORDS = st.text(min_size=1, max_size=20).map(lambda text: next(iter(clean_words([text])), "x"))
RECORDS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "topics": st.lists(WORDS, max_size=3, unique=True),
        "must": st.lists(WORDS, max_size=2, unique=True),
        "mute": st.lists(WORDS, max_size=2, unique=True),
        "follow": st.lists(WORDS, max_size=2, unique=True),
        "categories": st.lists(st.sampled_from(["cs.CL", "hep-th"]), max_size=2, unique=True),
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"]),
        "hour": st.integers(0, 23),
        "frequency": st.sampled_from(FREQUENCIES),
        "max_papers": st.integers(1, 50),
        "layout": st.sampled_from(LAYOUTS),
        "language": st.sampled_from(list(LANGUAGES)),
        "paused_until": st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1)).map(str),
        "team": st.none() | st.sampled_from(["0123456789abcdef", "fedcba9876543210"]),
        # Stored papers and others, which become pending feedback.
        "likes": st.lists(st.sampled_from(["2603.00001", "2603.00009"]), max_size=2, unique=True),
        "dislikes": st.lists(st.sampled_from(["2603.00002", "2603.00010"]), max_size=2, unique=True),
    }
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, max_size=4))
def test_any_subscribers_are_exported_as_they_were_imported(
    sqlite_url: str, records: list[dict[str, Any]]
) -> None:
    given_records = [{"address": f"r{number}@example.org", **record} for number, record in enumerate(records)]
    with TemporaryDirectory() as folder:
        shutil.copy(sqlite_url.removeprefix("sqlite:///"), Path(folder) / "digest.db")
        database = Database(f"sqlite:///{folder}/digest.db")
        add_papers(database, *make_papers(3))
        assert take(database, write(Path(folder), *given_records)).rejected == []
        exported = [json.loads(line) for line in export_lines(database)]
        database.close()
    for record in (*given_records, *exported):
        for name in ("likes", "dislikes"):
            record[name].sort()
    assert exported == given_records
