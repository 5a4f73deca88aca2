"""The rule that decides whether a refused address is suppressed, by itself."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.domain.refusals import ACCEPTED, DAY, REFUSED, WINDOW, Answers, Evidence, is_confirmed
from tests.factories import (
    MONDAY,
    at,
)


def test_the_window_holds_the_last_answers() -> None:
    answers = Answers().add(ACCEPTED * 30).add(REFUSED * 3)
    assert (answers.accepted, answers.refused) == (30, 3)
    assert answers.recent == ACCEPTED * (WINDOW - 3) + REFUSED * 3


@pytest.mark.parametrize(
    ("accepted", "recent", "suppressed", "refused_before", "expected"),
    [
        (99, "+" * 19 + "-", 0, False, True),
        (50, "+" * 10 + "-" * 10, 5, False, True),
        (50, "+" * 9 + "-" * 11, 0, False, False),
        (50, "+" * 9 + "-" * 11, 0, True, True),
        (49, "+-", 0, False, True),
        (49, "+-", 1, False, False),
        (49, "-" * 20, 0, True, True),
        (49, "-" * 20, 1, True, False),
        (0, "-", 0, False, False),
    ],
)
def test_the_rules_confirm_a_refusal(
    accepted: int, recent: str, suppressed: int, refused_before: bool, expected: bool
) -> None:
    evidence = Evidence(Answers(accepted, recent.count("-"), recent), 100, suppressed, refused_before)
    assert is_confirmed(evidence) is expected


def test_a_list_too_short_for_one_percent_waits_until_half_got_their_mail() -> None:
    assert not is_confirmed(Evidence(Answers(24, 1, "+" * 19 + "-"), 49, 0, refused_before=True))
    assert is_confirmed(Evidence(Answers(25, 1, "+" * 19 + "-"), 49, 0, refused_before=True))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), size=st.integers(1, 400), days=st.integers(1, 4))
def test_a_server_that_refuses_most_suppresses_at_most_one_percent_a_day(
    data: st.DataObject, size: int, days: int
) -> None:
    """With any answers in any order, repeatedly, and after any history."""
    active = set(range(size))
    refused_at: dict[int, list[datetime]] = {}
    suppressed_at: list[datetime] = []
    for day in range(days):
        answers, on_list = Answers(), sorted(active)
        accepted = data.draw(st.integers(0, max(0, (len(on_list) - 1) // 2)), "accepted")
        order = data.draw(st.permutations(on_list), "order")
        again = data.draw(st.lists(st.sampled_from(order), max_size=60) if order else st.just([]), "again")
        takes = set(data.draw(st.permutations(on_list), "who")[:accepted])
        got: set[int] = set()
        refused_today: set[int] = set()
        for index, one in enumerate([*order, *again]):
            now = at(MONDAY) + day * DAY + timedelta(seconds=index * 100)
            if one in got or one not in active:
                continue
            if one in takes:
                got.add(one)
                refused_at.pop(one, None)
                answers = answers.add(ACCEPTED)
                continue
            answers = answers.add("" if one in refused_today else REFUSED)
            refused_today.add(one)
            lately = sum(1 for then in suppressed_at if then > now - DAY)
            before = any(now - then >= timedelta(hours=20) for then in refused_at.get(one, []))
            refused_at.setdefault(one, []).append(now)
            if is_confirmed(Evidence(answers, len(active) + lately, lately, before)):
                active.discard(one)
                suppressed_at.append(now)
                lately = sum(1 for then in suppressed_at if then > now - DAY)
                assert lately <= size / 100
