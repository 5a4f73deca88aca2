"""The metrics of all processes, in the terms of Prometheus. No label names a subscriber, an address or a mail server.

A process counts in memory. Where the environment variable PROMETHEUS_MULTIPROC_DIR names a folder before this module is
imported, it counts in files of that folder, and `digest.metrics_export` adds up those of all processes.
"""

import time
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

_JOB_BUCKETS = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 900.0)
_FETCH_BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
_PAGE_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

FETCHES = Counter("digest_fetches", "Fetches of a feed, by their status.", ["source", "status"])
FETCH_SECONDS = Histogram("digest_fetch_seconds", "Duration of a fetch.", ["source"], buckets=_FETCH_BUCKETS)
FETCHED_ITEMS = Counter(
    "digest_fetched_items", "Items of a feed: stored, or rejected as invalid.", ["source", "outcome"]
)
INGESTED_PAPERS = Counter(
    "digest_ingested_papers", "Papers of feeds and files: added, changed, unchanged, rejected.", ["outcome"]
)
PLANNED_DIGESTS = Counter("digest_planned_digests", "Digests planned.")
PLAN_SECONDS = Counter("digest_plan_seconds", "Seconds spent on planning.")
SETTLED_MAILS = Counter(
    "digest_settled_mails",
    "Outcomes of deliveries: sent, skipped, to_retry, failed, with the reason in the ledger.",
    ["stream", "outcome", "reason"],
)
STAGE_SECONDS = Counter(
    "digest_delivery_seconds",
    "Seconds spent in a stage of delivery, added up over all connections.",
    ["stream", "stage"],
)
STAGE_MAILS = Counter("digest_delivery_mails", "Mails that passed a stage of delivery.", ["stream", "stage"])
SMTP_ANSWERS = Counter(
    "digest_smtp_answers",
    "Answers of the mail server to mails: 2xx, 4xx, 5xx, or connection if it was refused or lost.",
    ["stream", "answer"],
)
DELETED_ROWS = Counter("digest_deleted_rows", "Rows deleted by the retention.", ["rows"])
RETENTION_SECONDS = Counter("digest_retention_seconds", "Seconds spent on retention.")
JOB_SECONDS = Histogram("digest_job_seconds", "Duration of a job.", ["task"], buckets=_JOB_BUCKETS)
JOB_FAILURES = Counter("digest_job_failures", "Jobs that ended with an error.", ["task"])
JOBS_RUNNING = Gauge(
    "digest_jobs_running", "Jobs that run at present.", ["task"], multiprocess_mode="livesum"
)
STARTED_TASKS = Counter("digest_started_tasks", "Tasks that this process put into a queue.", ["task"])
WEB_ANSWERS = Counter("digest_web_answers", "HTTP responses by route and status.", ["route", "status"])
WEB_SECONDS = Histogram(
    "digest_web_seconds", "Time until a response began, by route.", ["route"], buckets=_PAGE_BUCKETS
)

_STAGES = ("render", "send", "record")


@contextmanager
def job_metrics(job: str) -> Iterator[None]:
    """Measure a job; an error is counted and raised."""
    running = JOBS_RUNNING.labels(job)
    running.inc()
    began = time.perf_counter()
    try:
        yield
    except Exception:
        JOB_FAILURES.labels(job).inc()
        raise
    finally:
        JOB_SECONDS.labels(job).observe(time.perf_counter() - began)
        running.dec()


@contextmanager
def seconds_of(counter: Counter) -> Iterator[None]:
    """Add the duration of the block to a counter."""
    began = time.perf_counter()
    try:
        yield
    finally:
        counter.inc(time.perf_counter() - began)


def count_settled(stream: str, outcome: str, by_reason: Mapping[str, int]) -> None:
    """Count outcomes of deliveries; counts of 0 are left out."""
    for reason, count in by_reason.items():
        if count:
            SETTLED_MAILS.labels(stream, outcome, reason).inc(count)


@contextmanager
def stage_metrics(stream: str, stage: str, mails: int = 0) -> Iterator[None]:
    """Measure a stage of delivery that a batch passes at once."""
    with seconds_of(STAGE_SECONDS.labels(stream, stage)):
        yield
    STAGE_MAILS.labels(stream, stage).inc(mails)


class DeliveryMeter:
    """Collects what the connections of one sender measure, mail by mail, until it is flushed.

    A metric costs a microsecond or more for each call, and a mail passes several stages; an addition here costs a tenth.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._lock = Lock()
        self._seconds: dict[str, float] = dict.fromkeys(_STAGES, 0.0)
        self._mails: dict[str, int] = dict.fromkeys(_STAGES, 0)
        self._answers: Counts[str] = Counts()

    def stage(self, name: str, mails: int = 1) -> "_Stage":
        """Add the duration of a `with` block in which so many mails pass a stage. An error is measured, too."""
        return _Stage(self, name, mails)

    def add(self, stage: str, mails: int, seconds: float) -> None:
        """Add mails that passed a stage, and the time that it took."""
        with self._lock:
            self._seconds[stage] += seconds
            self._mails[stage] += mails

    def answered(self, answer: str) -> None:
        """Count an answer of a mail server by its class; "" is none."""
        if answer:
            with self._lock:
                self._answers[answer] += 1

    def flush(self) -> None:
        """Add everything to the metrics."""
        with self._lock:
            seconds, self._seconds = self._seconds, dict.fromkeys(_STAGES, 0.0)
            mails, self._mails = self._mails, dict.fromkeys(_STAGES, 0)
            answers, self._answers = self._answers, Counts()
        for stage in _STAGES:
            if mails[stage] or seconds[stage]:
                STAGE_SECONDS.labels(self._stream, stage).inc(seconds[stage])
                STAGE_MAILS.labels(self._stream, stage).inc(mails[stage])
        for answer, count in answers.items():
            SMTP_ANSWERS.labels(self._stream, answer).inc(count)


class _Stage:
    """A `with` block that is measured. A generator would take twice the time."""

    __slots__ = ("_began", "_mails", "_meter", "_name")

    def __init__(self, meter: DeliveryMeter, name: str, mails: int) -> None:
        self._meter, self._name, self._mails = meter, name, mails

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._meter.add(self._name, self._mails, time.perf_counter() - self._began)
