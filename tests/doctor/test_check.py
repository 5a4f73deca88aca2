"""Checks of the doctor: findings and advice, without secrets and without side effects."""

import pytest

from digest.doctor.check import Check, State, attempt, bad, exit_code, good, lines, summary, warning
from digest.errors import StopRun

# Exit code and summary


def test_the_worst_check_decides_the_exit_code() -> None:
    fine, doubtful, ill = good("a", "A."), warning("b", "B.", "Do."), bad("c", "C.", "Do.")
    assert exit_code([]) == exit_code([fine]) == 0
    assert exit_code([fine, doubtful, fine]) == 1
    assert exit_code([ill, fine, doubtful]) == 2
    assert summary([fine, doubtful, ill, fine]) == "2 good, 1 warning, 1 bad"


def test_advice_is_below_the_finding() -> None:
    assert lines(good("a", "A.")) == ["✓ a: A."]
    assert lines(bad("c", "Ill.", "Do.")) == ["✗ c: Ill.", "    Do."]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_signs_are_replaced_on_an_ascii_terminal(encoding: str) -> None:
    shown = [lines(check, encoding)[0] for check in (good("a", "Ω."), bad("c", "Ω.", ""))]
    assert shown == ["+ a: ?.", "x c: ?."]


def test_an_unexpected_error_is_shown_without_its_message() -> None:
    def work() -> int:
        raise ValueError("password s3cret")

    check = attempt("part", work)
    assert isinstance(check, Check)
    assert check.state == "bad"
    assert "ValueError" in check.finding
    assert "s3cret" not in repr(check)


def test_an_expected_error_is_shown_with_its_message() -> None:
    def work() -> int:
        raise StopRun("The disk is full: make room.")

    assert attempt("part", work) == Check("part", State.BAD, "The disk is full: make room.")
