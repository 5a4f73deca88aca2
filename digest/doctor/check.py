"""The result of one check, and the exit code and summary of all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from digest.errors import DigestError
from digest.text.formatting import shorten

Result = TypeVar("Result")


class State(StrEnum):
    """The result of a check."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


_SIGNS: dict[State, str] = {State.GOOD: "✓", State.WARNING: "!", State.BAD: "✗"}
_PLAIN_SIGNS: dict[State, str] = {State.GOOD: "+", State.WARNING: "!", State.BAD: "x"}
_EXIT_CODES: dict[State, int] = {State.GOOD: 0, State.WARNING: 1, State.BAD: 2}
_LONGEST_QUOTE = 200
_ADVICE = "Look at its setting with: digest settings"


@dataclass(frozen=True, slots=True)
class Check:
    """A finding about one part, in one sentence, and advice; the advice is "" if no action is needed."""

    name: str
    state: State
    finding: str
    advice: str = ""


def good(name: str, finding: str) -> Check:
    """Return a finding that needs no action."""
    return Check(name, State.GOOD, finding)


def warning(name: str, finding: str, advice: str) -> Check:
    """Return a finding that does not stop mails."""
    return Check(name, State.WARNING, finding, advice)


def bad(name: str, finding: str, advice: str) -> Check:
    """Return a finding that stops all or some mails."""
    return Check(name, State.BAD, finding, advice)


def exit_code(checks: Iterable[Check]) -> int:
    """Return 0 if all checks are good, 1 if there are warnings, 2 if one is bad."""
    return max((_EXIT_CODES[check.state] for check in checks), default=0)


def lines(check: Check, encoding: str = "utf-8") -> list[str]:
    """Return the lines to print: a sign and the finding, then the advice, all encodable in `encoding`."""
    sign = _SIGNS[check.state]
    if _written_in(encoding, sign) != sign:
        sign = _PLAIN_SIGNS[check.state]
    found = [f"{sign} {check.name}: {check.finding}"]
    if check.advice:
        found.append(f"    {check.advice}")
    return [_written_in(encoding, line) for line in found]


def _written_in(encoding: str, text: str) -> str:
    return text.encode(encoding, "replace").decode(encoding)


def summary(checks: Iterable[Check]) -> str:
    """Return "9 good, 1 warning, 0 bad"."""
    states = [check.state for check in checks]
    warnings = states.count(State.WARNING)
    return (
        f"{states.count(State.GOOD)} good, {warnings} warning{'s' * (warnings != 1)}, "
        f"{states.count(State.BAD)} bad"
    )


def attempt(name: str, work: Callable[[], Result], advice: str = _ADVICE) -> Result | Check:
    """Return the result of `work`, or a bad check if it raises.

    The message of a DigestError says what to do. For other errors `advice` does, and only the type is shown, as
    their messages can contain a password.
    """
    try:
        return work()
    except DigestError as error:
        return Check(name, State.BAD, str(error))
    except Exception as error:  # noqa: BLE001 - an unforeseen error must not stop the other checks
        kind = type(error).__name__
        return bad(name, f"This could not be checked ({kind}).", advice)


def attempted(name: str, examine: Callable[[], Iterable[Check]], advice: str = _ADVICE) -> list[Check]:
    """Return the checks of one part, or one bad check if `examine` raises."""
    found = attempt(name, lambda: list(examine()), advice)
    return [found] if isinstance(found, Check) else found


def quoted(text: object) -> str:
    """Return another program's message for use in a sentence: one short line without its full stop."""
    line = shorten(str(text), _LONGEST_QUOTE).rstrip(". ")
    return "".join(sign if sign.isprintable() else "?" for sign in line)
