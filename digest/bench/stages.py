"""CPU time of each stage of a delivery, measured by wrapping the parts of the delivery context."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar, cast

from digest.delivery.build_mail import build_mail
from digest.delivery.deliver import DeliveryContext, Summary, deliver_batch
from digest.delivery.preview import read_mail
from digest.delivery.select_papers import Composer
from digest.domain.delivery import DeliveryStatus
from digest.errors import StopRun
from digest.mail.envelope import Connection, Envelope, Transport
from digest.mail.rendering import Renderer
from digest.store import delivery_reports

Result = TypeVar("Result")
STAGES = ("score", "render", "mime", "send", "record")


@dataclass
class Stopwatch:
    """CPU seconds by stage, over all threads."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    mails: int = 0
    octets: int = 0
    _lock: Lock = field(default_factory=Lock)

    def count(self, octets: int) -> None:
        """Count a mail of so many octets."""
        with self._lock:
            self.mails += 1
            self.octets += octets

    def timed(self, stage: str, work: Callable[[], Result]) -> Result:
        """Run `work` and add its CPU time to a stage."""
        begun = time.thread_time()
        try:
            return work()
        finally:
            took = time.thread_time() - begun
            with self._lock:
                self.seconds[stage] += took


class _Timed:
    """Wraps an object and measures one of its methods."""

    def __init__(self, part: object, method: str, stage: str, watch: Stopwatch) -> None:
        self._part, self._method, self._stage, self._watch = part, method, stage, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name != self._method:
            return found
        return lambda *args, **kwargs: self._watch.timed(self._stage, lambda: found(*args, **kwargs))


@dataclass
class _TimedTransport:
    transport: Transport
    watch: Stopwatch

    @contextmanager
    def open(self) -> Iterator[Connection]:
        with self.transport.open() as connection:
            yield _TimedConnection(connection, self.watch)


@dataclass
class _TimedConnection:
    connection: Connection
    watch: Stopwatch

    def send(self, envelope: Envelope) -> str:
        self.watch.count(len(envelope.content))
        return self.watch.timed("send", lambda: self.connection.send(envelope))


def measure(delivery_context: DeliveryContext, clock: Callable[[], datetime]) -> Stopwatch:
    """Deliver one batch and return the time of each stage. What is left of the total is the stage "record".

    Deliver another batch first, as the first mail of a process fills the caches.
    """
    watch = Stopwatch()
    timed = replace(
        delivery_context,
        composer=cast("Composer", _Timed(delivery_context.composer, "select", "score", watch)),
        renderer=cast("Renderer", _Timed(delivery_context.renderer, "digest", "render", watch)),
        transport=_TimedTransport(delivery_context.transport, watch),
    )
    summary = Summary()
    begun = time.process_time()
    deliver_batch(timed, clock, summary)
    whole = time.process_time() - begun
    if summary.stopped or not watch.mails:
        raise StopRun(f"The measurement sent no mail: {summary.stopped or 'nothing was ready'}.")
    watch.seconds["mime"] = _mime_seconds(delivery_context, watch.mails)
    watch.seconds["record"] = max(0.0, whole - sum(watch.seconds[stage] for stage in STAGES[:-1]))
    return watch


def _mime_seconds(delivery_context: DeliveryContext, mails: int) -> float:
    """Write some of the sent mails again and return the CPU time, extrapolated to all."""
    with delivery_context.database.read() as connection:
        rows = delivery_reports.find(connection, status=DeliveryStatus.SENT, limit=50)
        messages = [
            build_mail(read_mail(connection, row.id), delivery_context.links, delivery_context.renderer)
            for row in rows
        ]
    begun = time.thread_time()
    for message in messages:
        message.to_bytes()
    return (time.thread_time() - begun) / len(messages) * mails
