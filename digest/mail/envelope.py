"""The interface of all transports: an envelope, and a connection that sends it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Envelope:
    """The bytes of a mail, and the SMTP addresses to send it from and to."""

    sender: str
    """`local@domain` for MAIL FROM, which bounces are sent to."""
    recipient: str
    """`local@domain` for RCPT TO."""
    content: bytes
    """The message: ASCII, lines end in CRLF."""
    name: str
    """A safe file name without extension, unique for the delivery."""


class Connection(Protocol):
    """Sends any number of mails, one after another."""

    def send(self, envelope: Envelope) -> str:
        """Send one mail and return the server's answer. On return the server has accepted the mail.

        Raises TryLater (retry this mail), NeverSend (the address is invalid) or StopRun (no mail can be sent).
        After TryLater and NeverSend the connection can send the next mail.
        """
        ...


class Transport(Protocol):
    """Opens connections to the place that mail is sent to."""

    def open(self) -> AbstractContextManager[Connection]:
        """Return a connection for a batch, which is closed at the end of the `with` block.

        Opening never fails: the first `send` connects and raises the errors.
        """
        ...
