"""The intervals of all recurring jobs, for `digest up` and for the Celery workers."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

JobName = Literal[
    "plan",
    "requests",
    "sweep",
    "post",
    "fetch",
    "marked",
    "popularity",
    "rebuild",
    "inbound",
    "alarms",
    "housekeeping",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A job and its interval."""

    job: JobName
    every: timedelta


TIMETABLE: tuple[Entry, ...] = (
    # Local hours begin at any quarter of an hour UTC; a digest is planned at most a minute later.
    Entry("plan", timedelta(minutes=1)),
    # Subscribers wait for these mails.
    Entry("requests", timedelta(seconds=5)),
    Entry("sweep", timedelta(seconds=20)),
    Entry("post", timedelta(seconds=20)),
    # arXiv announces once a day, at an hour that depends on US daylight saving time, and often late.
    Entry("fetch", timedelta(hours=1)),
    # Rated papers that are not stored, by id. Without any, no request is made.
    Entry("marked", timedelta(minutes=5)),
    # Votes rise all day, and trending depends on their rate.
    Entry("popularity", timedelta(minutes=30)),
    Entry("rebuild", timedelta(minutes=10)),
    # Nothing is read where DIGEST_INBOUND_URL is empty.
    Entry("inbound", timedelta(minutes=1)),
    # Nothing is checked where DIGEST_ALARM and DIGEST_HEARTBEAT_URL are empty.
    Entry("alarms", timedelta(minutes=5)),
    Entry("housekeeping", timedelta(hours=24)),
)
