"""Checks whether the database can be reached, has the current schema, and has the right time."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.doctor.space import judge_space, read_space
from digest.store import health, papers, subscribers
from digest.store.database import Database
from digest.store.schema import newest_revision, present_revision
from digest.text.formatting import counted

_CLOCKS_AGREE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema revision of a database; `present` is None if it was never initialised."""

    present: str | None
    newest: str
    is_known: bool
    """False for a revision of a later version of the product."""


def examine_database(database: Database, clock: Callable[[], datetime]) -> list[Check]:
    """Check the database without creating or changing it. Raises StopRun if it cannot be read."""
    location = database.shown_url
    file = health.file_of(database)
    if file is not None and (trouble := judge_file(file)):
        return [trouble]
    with health.reading(database):
        present = present_revision(database)
    newest = newest_revision()
    schema = Schema(present, newest, is_known=present is None or health.knows_revision(present))
    if trouble := judge_schema(location, schema):
        return [trouble]
    with health.reading(database) as connection:
        before = clock()
        theirs = health.clock_of(connection)
        after = clock()
        checks = [
            judge_holdings(
                location, papers.count_papers(connection), subscribers.count_by_status(connection)
            ),
            judge_space(read_space(connection, database)),
        ]
        if theirs is not None:
            checks.append(judge_clock(theirs - (before + (after - before) / 2)))
    return checks


def judge_file(file: Path) -> Check | None:
    """Return what is wrong with a SQLite file, or None."""
    name = "database"
    if not file.exists():
        return bad(name, f"There is no database at {file} yet.", "Create it with: digest init")
    if not file.is_file():
        return bad(name, f"{file} is not a file.", "Name a file in DIGEST_DATABASE_URL, as sqlite:///FILE.")
    # SQLite writes its log into the same folder.
    if not (os.access(file, os.R_OK | os.W_OK) and os.access(file.absolute().parent, os.W_OK)):
        return bad(
            name,
            f"{file} or its folder cannot be written by this user.",
            "Give this user write access to both, or run as their owner.",
        )
    return None


def judge_schema(location: str, schema: Schema) -> Check | None:
    """Return what is wrong with the schema revision, or None."""
    name = "database"
    if schema.present == schema.newest:
        return None
    if schema.present is None:
        return bad(name, f"{location} is empty.", "Create its tables with: digest init")
    if not schema.is_known:
        return bad(
            name,
            f"{location} was upgraded by a later version of this program (to {schema.present}).",
            "Install that version on this machine too.",
        )
    return bad(
        name,
        f"{location} is at {schema.present}, not yet at {schema.newest}.",
        "Upgrade it with: digest init",
    )


def judge_holdings(location: str, paper_count: int, subscriber_counts: Mapping[str, int]) -> Check:
    """Return how many papers and subscribers a sound database has."""
    name = "database"
    active = subscriber_counts.get("active", 0)
    finding = (
        f"{location} is up to date; it holds {counted(paper_count, 'paper')} and "
        f"{counted(sum(subscriber_counts.values()), 'subscriber')}, "
        f"{active:,} of them active."
    )
    if not active:
        return warning(
            name,
            finding,
            "No subscriber gets mail yet; add one with: digest subscribers add EMAIL --confirmed",
        )
    return good(name, finding)


def judge_clock(
    difference: timedelta, name: str = "database clock", server: str = "database server"
) -> Check:
    """Judge the difference between the clocks of a server and of this machine; positive if it is ahead."""
    if abs(difference) <= _CLOCKS_AGREE:
        return good(name, "Agrees with this machine's within a minute.")
    direction = "ahead of" if difference > timedelta() else "behind"
    return warning(
        name,
        f"The {server}'s clock is {in_words(abs(difference))} {direction} this machine's.",
        "Set both by NTP: when clocks differ, mails go out at the wrong time or are claimed by two machines.",
    )


def in_words(span: timedelta) -> str:
    """Return a duration in words: "3 minutes", "26 hours", "4 days"."""
    seconds = span.total_seconds()
    for unit, size, least in (("day", 86400, 2), ("hour", 3600, 2), ("minute", 60, 1)):
        if seconds >= least * size:
            count = int(seconds // size)
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return "less than a minute"
