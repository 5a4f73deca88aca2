"""Records of many connections, written together."""

import time
from datetime import datetime, timedelta

import pytest

from digest.delivery.group_commit import GroupCommit
from digest.domain.delivery import Stream
from digest.errors import StopRun
from digest.metrics import DeliveryMeter
from digest.store.database import Database
from digest.store.recording import StepWriter
from digest.store.steps import Step
from tests.factories import (
    TUESDAY,
    at,
)


def test_answers_are_recorded_in_groups(database: Database) -> None:
    """During a commit, other records gather for the next one."""
    written: list[int] = []

    class Slow(StepWriter):
        def write(self, steps: "list[Step]", now: datetime) -> set[int]:  # type: ignore[override]
            written.append(len(steps))
            time.sleep(0.05)
            return super().write(steps, now)

    writer = Slow(database, "test")
    writer.open_slots(10, at(TUESDAY))
    group = GroupCommit(writer, lambda: at(TUESDAY), DeliveryMeter(Stream.DIGEST))
    group.start()
    first = group.submit(0, None, None)
    time.sleep(0.02)
    others = [group.submit(slot, None, None) for slot in range(1, 10)]
    assert not any(ticket.wait() for ticket in [first, *others])
    group.close()
    writer.close_slots()
    assert written == [1, 9]


def test_a_failed_record_is_raised_for_each_connection(database: Database) -> None:
    class Broken(StepWriter):
        def write(self, *_: object) -> set[int]:
            raise StopRun("no database")

    group = GroupCommit(
        Broken(database, "test"), lambda: at(TUESDAY), DeliveryMeter(Stream.DIGEST), timedelta()
    )
    group.start()
    tickets = [group.submit(slot, None, None) for slot in range(3)]
    for ticket in tickets:
        with pytest.raises(StopRun, match="no database"):
            ticket.wait()
    group.close()
