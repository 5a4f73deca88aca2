"""Maps the answers of a mail server to errors; `digest.mail.smtp` has the table."""

import re
from dataclasses import dataclass

from digest.errors import (
    ConnectionLost,
    DigestError,
    MailboxFull,
    NeverSend,
    NoConnection,
    PolicyRefused,
    SlowDown,
    StopRun,
    TryLater,
)
from digest.text.formatting import one_line

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b")
_REFUSES_RELAY = re.compile(
    r"relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)|unable to relay|authenticat",
    re.IGNORECASE,
)
# What a refusal by policy is about (RFC 7372, RFC 8463 and the codes of the large providers), and what to do.
_POLICY_ADVICE = (
    (
        re.compile(r"^5\.7\.25\b|\bptr\b|reverse dns|\brdns\b", re.IGNORECASE),
        "give the sending host a name in the reverse DNS",
    ),
    (
        re.compile(r"^5\.7\.(2[0-4]|26|27|30|32|515)\b|\bspf\b|\bdkim\b|\bdmarc\b", re.IGNORECASE),
        "check SPF, DKIM and DMARC of the sender's domain with digest doctor",
    ),
    (re.compile(r"^5\.7\.(10|29)\b|\btls\b", re.IGNORECASE), "let the server send with TLS"),
    (
        re.compile(r"relay", re.IGNORECASE),
        "it does not relay for this host: check user and password in DIGEST_MAIL_URL",
    ),
    (re.compile(r"authenticat", re.IGNORECASE), "check user and password in DIGEST_MAIL_URL"),
)
_TOO_FAST = re.compile(r"\brate\b|rate.?limit|too (many|fast|much)|throttl|slow down|unusual", re.IGNORECASE)
_LOGIN_REFUSED = frozenset({530, 534, 535, 538})
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply of the server."""

    code: int
    text: str
    """On one line, the enhanced status code included."""

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 3463); "" if there is none."""
        found = _ENHANCED.match(self.text)
        return found[1] if found else ""

    @property
    def is_yes(self) -> bool:
        """Whether the server accepted the command (2xx)."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def read_answer(code: int, text: bytes | str) -> Answer:
    """Return an answer of smtplib, with its text on one line of at most 300 characters."""
    line = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Answer(code, one_line(line)[:300].rstrip("."))


def is_too_fast(answer: Answer) -> bool:
    """Return whether the answer means that mail is sent too fast."""
    is_temporary = answer.code == 421 or (answer.code < 500 and answer.status.startswith("4.7."))
    return is_temporary and _TOO_FAST.search(answer.text) is not None


def _is_full(answer: Answer) -> bool:
    return answer.status in {"4.2.2", "5.2.2"} or (answer.code == 552 and not answer.status)


def policy_advice(text: str) -> str:
    """Return what to do about a refusal by policy, from its enhanced status code and words."""
    for pattern, advice in _POLICY_ADVICE:
        if pattern.search(text):
            return advice
    return "ask who runs it"


def answer_class(answer: str | DigestError) -> str:
    """Return the class of a server's answer or of the error for it: 2xx, 4xx, 5xx or connection.

    "" for what no mail server answered, such as the path of a file.
    """
    if isinstance(answer, str):
        return f"{answer[0]}xx" if answer[:1].isdigit() else ""
    if answer.answer_code:
        return f"{answer.answer_code // 100}xx"
    return "connection" if isinstance(answer, ConnectionLost | NoConnection) else ""


def sort_refusal(step: str, answer: Answer, *, has_taken_mail: bool) -> DigestError:
    """Return the error for an answer to MAIL, RCPT or DATA; see the table in `digest.mail.smtp`."""
    error = _error_for(step, answer, has_taken_mail=has_taken_mail)
    error.answer_code = answer.code
    return error


def _error_for(step: str, answer: Answer, *, has_taken_mail: bool) -> DigestError:
    status = answer.status
    if is_too_fast(answer):
        return SlowDown(f"The mail server asks to slow down: {answer}.")
    if answer.code < 500 and step == "MAIL":
        return StopRun(f"The mail server accepts no mail now: {answer}.")
    if step != "MAIL" and _is_full(answer):
        return MailboxFull(f"The mailbox is full: {answer}.")
    if answer.code < 500:
        return TryLater(f"The mail server asks to wait: {answer}.")
    if answer.code in _LOGIN_REFUSED:
        return StopRun(
            f"The mail server requires a login ({answer}): check user and password in DIGEST_MAIL_URL."
        )
    if status.startswith("5.7.") or (status in {"", "5.0.0"} and _REFUSES_RELAY.search(answer.text)):
        if has_taken_mail:
            return TryLater(f"The mail server refuses this mail by its policy: {answer}.")
        if step == "MAIL":
            return StopRun(f"The mail server refuses the sender ({answer}): check DIGEST_SENDER.")
        return PolicyRefused(
            f"The mail server refuses mail by its policy ({answer}): {policy_advice(answer.text)}."
        )
    if step == "MAIL":
        return StopRun(f"The mail server refuses the sender ({answer}): check DIGEST_SENDER.")
    if status.startswith("5.1.") or status == "5.2.1":
        return NeverSend(f"The address accepts no mail: {answer}.")
    if step == "RCPT" and answer.code in _NO_SUCH_MAILBOX and not status.startswith("5.2."):
        return NeverSend(f"The address accepts no mail: {answer}.")
    return TryLater(f"The mail server refuses this mail: {answer}.")
