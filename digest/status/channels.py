"""Sends an alarm to the operator: by mail, to a webhook, or through a command; and calls the dead man's switch."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote

import httpx

from digest.errors import BadInput, TryLater
from digest.mail.envelope import Envelope, Transport
from digest.status.alarms import Message

TIMEOUT_SECONDS = 20.0
_LONGEST_ANSWER = 200


Channel = Callable[[Message], None]


def channel_from(alarm: str, transport: Callable[[], Transport], sender: str, now: datetime) -> Channel:
    """Return the way that DIGEST_ALARM names: mailto:, http://, https:// or a command. Raises BadInput.

    A channel raises a DigestError if the operator could not be told.
    """
    # A command may contain a colon, too.
    scheme = alarm.partition(":")[0].lower()
    if scheme == "mailto":
        mailbox = unquote(alarm.partition(":")[2].partition("?")[0])
        if "@" not in parseaddr(mailbox)[1] or not mailbox.isascii():
            raise BadInput("DIGEST_ALARM: write an address after mailto:, like mailto:ada@example.org.")
        return lambda message: _mail(message, mailbox, transport(), sender, now)
    if scheme in {"http", "https"}:
        return lambda message: _post(message, alarm)
    try:
        words = shlex.split(alarm)
    except ValueError as error:
        raise BadInput(f"DIGEST_ALARM: the command cannot be read ({error}).") from None
    if not words:
        raise BadInput("DIGEST_ALARM: write mailto:ADDRESS, an https:// address or a command.")
    return lambda message: _command(message, words)


def _mail(message: Message, recipient: str, transport: Transport, sender: str, now: datetime) -> None:
    mailbox = parseaddr(sender)[1]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<alarm.{now:%Y%m%dT%H%M%S%f}@{mailbox.rpartition('@')[2]}>"
    # No program answers it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    with transport.open() as connection:
        connection.send(
            Envelope(mailbox, parseaddr(recipient)[1], mail.as_bytes(), f"alarm-{now:%Y%m%dT%H%M%S%f}")
        )


def _post(message: Message, url: str) -> None:
    """Post JSON. Slack, Mattermost, Google Chat and Teams show `text`; Discord shows `content`."""
    said = f"{message.subject}\n{message.text}"
    _request(
        "POST",
        url,
        "DIGEST_ALARM",
        {
            "text": said,
            "content": said,
            "subject": message.subject,
            "bad": message.bad,
            "good": message.good,
        },
    )


def _command(message: Message, words: list[str]) -> None:
    """Run a command without a shell: the text on its standard input, the subject in DIGEST_ALARM_SUBJECT."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own setting
            words,
            input=message.text.encode(),
            env={**os.environ, "DIGEST_ALARM_SUBJECT": message.subject},
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TryLater(
            f"The command of DIGEST_ALARM could not be run ({type(error).__name__}: {words[0]})."
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[:_LONGEST_ANSWER]
        raise TryLater(
            f"The command of DIGEST_ALARM ended with code {done.returncode} ({said or 'no message'})."
        )


def call_heartbeat(url: str) -> None:
    """Call the dead man's switch. Raises TryLater if it does not answer with success."""
    _request("GET", url, "DIGEST_HEARTBEAT_URL")


def _request(method: str, url: str, setting: str, content: object = None) -> None:
    body = None if content is None else json.dumps(content).encode()
    headers = {"User-Agent": "trending-papers-digest"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = httpx.request(method, url, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
    # An address that cannot be used is none of httpx's own errors.
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # The address may hold a secret.
        raise TryLater(f"The address of {setting} does not answer ({type(error).__name__}).") from None
    if not answer.is_success:
        raise TryLater(f"The address of {setting} answered {answer.status_code}.")
