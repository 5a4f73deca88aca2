"""The database: reachable, in the present shape, and with the same idea of the time."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from digest.doctor.check import Check, bad, good, warning
from digest.store import health, papers, subscribers
from digest.store.database import Database
from digest.store.schema import newest_revision, present_revision
from digest.text.formatting import counted

_CLOCKS_AGREE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which revision a database has; None if it was never initialised."""

    present: str | None
    newest: str
    is_known: bool
    """False for a revision that only a later version of the product can have made."""


def examine_database(database: Database, clock: Callable[[], datetime]) -> list[Check]:
    """Look at the database without creating or changing it. Raises StopRun when it cannot be read."""
    place = database.shown_url
    file = health.file_of(database)
    if file is not None and (trouble := judge_file(file)):
        return [trouble]
    with health.reading(database):
        present = present_revision(database)
    newest = newest_revision()
    shape = Shape(present, newest, is_known=present is None or health.knows_revision(present))
    if trouble := judge_shape(place, shape):
        return [trouble]
    with health.reading(database) as connection:
        before = clock()
        theirs = health.clock_of(connection)
        after = clock()
        checks = [
            judge_holdings(place, papers.count_papers(connection), subscribers.count_by_status(connection))
        ]
        if theirs is not None:
            checks.append(judge_clock(theirs - (before + (after - before) / 2)))
    return checks


def judge_file(file: Path) -> Check | None:
    """Say what is wrong with a SQLite file; None if nothing is."""
    name = "database"
    if not file.exists():
        return bad(name, f"There is no database at {file} yet.", "Create it with: digest init")
    if not file.is_file():
        return bad(name, f"{file} is no file.", "Name a file in DIGEST_DATABASE_URL, as sqlite:///FILE.")
    # SQLite writes its log beside the file.
    if not (os.access(file, os.R_OK | os.W_OK) and os.access(file.absolute().parent, os.W_OK)):
        return bad(
            name,
            f"{file} or its folder cannot be written by this user.",
            "Give this user the right to write both, or run as the user who owns them.",
        )
    return None


def judge_shape(place: str, shape: Shape) -> Check | None:
    """Say what is wrong with the revision; None if nothing is."""
    name = "database"
    if shape.present == shape.newest:
        return None
    if shape.present is None:
        return bad(name, f"{place} is empty.", "Create its tables with: digest init")
    if not shape.is_known:
        return bad(
            name,
            f"{place} was upgraded by a later version of this program (to {shape.present}).",
            "Install that version here, too.",
        )
    return bad(
        name, f"{place} is at {shape.present}, not yet at {shape.newest}.", "Upgrade it with: digest init"
    )


def judge_holdings(place: str, paper_count: int, subscriber_counts: Mapping[str, int]) -> Check:
    """Say what a healthy database holds."""
    name = "database"
    active = subscriber_counts.get("active", 0)
    finding = (
        f"{place} is up to date; it holds {counted(paper_count, 'paper')} and "
        f"{counted(sum(subscriber_counts.values()), 'reader')}, "
        f"{active:,} of them active."
    )
    if not active:
        return warning(
            name,
            finding,
            "Nobody gets mail yet; add a subscriber with: digest subscribers add EMAIL --confirmed",
        )
    return good(name, finding)


def judge_clock(difference: timedelta) -> Check:
    """Judge how far the database's clock is ahead of this machine's."""
    name = "database clock"
    if abs(difference) <= _CLOCKS_AGREE:
        return good(name, "Agrees with this machine's within a minute.")
    direction = "ahead of" if difference > timedelta() else "behind"
    return warning(
        name,
        f"The database server's clock is {spoken(abs(difference))} {direction} this machine's.",
        "Set both by NTP: mails go out at the wrong time, or are claimed by two machines, when clocks differ.",
    )


def spoken(span: timedelta) -> str:
    """Return a span of time as a person says it: "3 minutes", "26 hours", "4 days"."""
    seconds = span.total_seconds()
    for unit, size, least in (("day", 86400, 2), ("hour", 3600, 2), ("minute", 60, 1)):
        if seconds >= least * size:
            count = int(seconds // size)
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return "less than a minute"
