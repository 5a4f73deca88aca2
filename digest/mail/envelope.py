"""What a transport carries and what it promises; the transports themselves are in `transports`."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Envelope:
    """A finished mail and where it goes."""

    sender: str
    """`local@domain` for MAIL FROM: bounces come back to it."""
    recipient: str
    """`local@domain` for RCPT TO."""
    content: bytes
    """The mail, CRLF line ends, ASCII."""
    name: str
    """A safe file name stem, one per delivery."""


class Connection(Protocol):
    """A way to the mail server, for as many mails as one likes, one after the other."""

    def send(self, envelope: Envelope) -> str:
        """Hand one mail over; return the server's answer. When it returns, the mail is the server's.

        Raises TryLater (this mail, later), NeverSend (this recipient, ever) or StopRun (all mail); after
        TryLater and NeverSend the connection takes the next mail.
        """
        ...


class Transport(Protocol):
    """Where mail goes."""

    def open(self) -> AbstractContextManager[Connection]:
        """Return a connection for a batch; closed at the end of the `with`.

        Opening itself never fails: whatever is wrong with the server is raised by the first `send`.
        """
        ...
