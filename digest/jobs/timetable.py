"""When each of the jobs that keep an installation going is done: the one timetable, for all ways of running it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

JobName = Literal[
    "plan", "requests", "sweep", "fetch", "marked", "popularity", "rebuild", "inbound", "housekeeping"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A job and how long after its last beginning it begins again."""

    job: JobName
    every: timedelta


TIMETABLE: tuple[Entry, ...] = (
    # Hours of any time zone begin at a quarter of an hour UTC, so nobody waits longer than this.
    Entry("plan", timedelta(minutes=1)),
    # Somebody waits in front of their inbox.
    Entry("requests", timedelta(seconds=5)),
    Entry("sweep", timedelta(seconds=20)),
    # arXiv announces once a day, at an hour that moves with its daylight saving time, and often late.
    Entry("fetch", timedelta(hours=1)),
    # Papers that somebody marked and that are not stored, by their ids; nothing is asked where there are none.
    Entry("marked", timedelta(minutes=5)),
    # Votes come in all day; what everyone reads is told by how they grow.
    Entry("popularity", timedelta(minutes=30)),
    Entry("rebuild", timedelta(minutes=10)),
    # Nothing is read where DIGEST_INBOUND_URL is empty.
    Entry("inbound", timedelta(minutes=1)),
    Entry("housekeeping", timedelta(hours=24)),
)
