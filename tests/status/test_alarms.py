"""When the operator is told: once when a condition turns bad, once when it is good again, and rarely while it changes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from digest.doctor.check import Check, bad, good, warning
from digest.status.alarms import (
    FIRST_PAUSE,
    FORGOTTEN_AFTER,
    LONGEST_PAUSE,
    Message,
    compare,
    is_due,
    is_over,
    message_about,
    pause_after,
    told,
)
from digest.store.alarms import Alarm
from tests.factories import MONDAY, at

START = at(MONDAY)
MINUTES = timedelta(minutes=5)
FAULT = bad("feed arxiv", "fault: it does not answer.", "Try it with: digest papers fetch arxiv")
FINE = good("feed arxiv", "fresh.")


class Operator:
    """Keeps the alarms as the database does, and the messages that were sent."""

    def __init__(self) -> None:
        self.alarms: dict[str, Alarm] = {}
        self.messages: list[tuple[datetime, Message]] = []

    def look(self, now: datetime, *checks: Check) -> None:
        found = [alarm for alarm in compare(self.alarms, checks, now) if not is_over(alarm, now)]
        due = [alarm for alarm in found if is_due(alarm, now)]
        if due:
            self.messages.append((now, message_about(due, "https://papers.example.org", now)))
        self.alarms = {one.name: told(one, now) if one in due else one for one in found}

    @property
    def said(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [(message.bad, message.good) for _, message in self.messages]


def every_five_minutes(checks: Iterable[Iterable[Check]]) -> Operator:
    operator = Operator()
    for step, found in enumerate(checks):
        operator.look(START + step * MINUTES, *found)
    return operator


def test_an_outage_gives_one_message_at_its_start_and_one_at_its_end() -> None:
    operator = every_five_minutes([[FINE]] * 3 + [[FAULT]] * 100 + [[FINE]] * 400)
    assert operator.said == [(("feed arxiv",), ()), ((), ("feed arxiv",))]
    (began, first), (ended, last) = operator.messages
    assert (began, ended) == (START + 3 * MINUTES, START + 103 * MINUTES)
    assert "BAD feed arxiv: fault: it does not answer." in first.text
    assert "digest papers fetch arxiv" in first.text
    assert "GOOD AGAIN feed arxiv: fresh." in last.text
    assert operator.alarms == {}, "it is forgotten after a good day"


def test_what_turns_bad_together_is_one_message() -> None:
    second = bad("circuit smtp://mail", "open.", "Solve it.")
    operator = every_five_minutes([[FAULT, second], [FAULT, second]])
    assert operator.said == [(("feed arxiv", "circuit smtp://mail"), ())]
    assert operator.messages[0][1].subject == "digest: feed arxiv and 1 more BAD"


def test_a_condition_without_a_finding_is_over() -> None:
    circuit = bad("circuit smtp://mail", "open.", "Solve it.")
    operator = every_five_minutes([[circuit]] * 5 + [[]])
    assert operator.said == [(("circuit smtp://mail",), ()), ((), ("circuit smtp://mail",))]


def test_a_short_fault_is_reported_as_over_only_after_the_first_pause() -> None:
    operator = every_five_minutes([[FAULT]] + [[FINE]] * 10)
    assert [moment for moment, _ in operator.messages] == [START, START + FIRST_PAUSE]


def test_warnings_are_alarms_only_when_an_edition_is_late() -> None:
    assert every_five_minutes([[warning("bounces", "3%.", "Look.")]]).messages == []
    assert every_five_minutes([[warning("queue", "7 deliveries wait.", "Look.")]]).said == [(("queue",), ())]


@given(st.lists(st.booleans(), min_size=288, max_size=288))
def test_a_day_of_any_changes_gives_at_most_ten_messages_and_ends_with_the_truth(states: list[bool]) -> None:
    operator = every_five_minutes([[FAULT] if is_bad else [FINE] for is_bad in states])
    assert len(operator.messages) <= 10
    turns = [bool(bad_names) for bad_names, _ in operator.said]
    assert all(earlier != later for earlier, later in pairwise(turns))
    # However it ends, the operator knows the last state within the longest pause.
    end = START + len(states) * MINUTES
    operator.look(end + LONGEST_PAUSE, FAULT if states[-1] else FINE)
    known = operator.said[-1][0] if operator.said else ()
    assert bool(known) == states[-1]


def test_the_pause_doubles_up_to_a_limit() -> None:
    assert [pause_after(count) / FIRST_PAUSE for count in (0, 1, 2, 3, 4)] == [1, 1, 2, 4, 8]
    assert pause_after(10**6) == LONGEST_PAUSE


def test_an_alarm_that_was_over_before_anybody_was_told_is_forgotten() -> None:
    silent = Alarm("disk", is_bad=False, since_at=START, finding="", advice="")
    assert is_over(silent, START)
    assert not is_due(silent, START)
    known = told(silent, START)
    assert not is_over(known, START + FORGOTTEN_AFTER - MINUTES)
    assert is_over(known, START + FORGOTTEN_AFTER)
