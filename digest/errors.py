"""The errors of this product, sorted by what the caller should do.

DigestError
├── BadInput      tell the person what to type instead
├── NotFound      tell the person that there is no such thing
├── BadLink       show a page that helps: the link is forged, expired or meant for something else
├── TryLater      nothing is wrong for good: keep the work and come back
│   ├── ConnectionLost   the same, as the connection broke; several in a row are the server's fault
│   └── SlowDown          the provider asks for a slower pace
├── NeverSend     this address will not take mail: mark the subscriber, do not try again
└── StopRun       going on would fail for everyone: stop, and tell the operator
    ├── NoConnection      the mail server cannot be reached
    │   └── ServerFull    it lets no further connection in
    └── PolicyRefused     the same for mails of this kind only

Every message is one sentence for a person that says what to do; the doors print it as it stands.
Positional arguments only, so each survives pickling between processes.
"""


class DigestError(Exception):
    """The root of everything this product raises on purpose."""


class BadInput(DigestError):
    """What was typed, pasted or uploaded cannot be used."""


class NotFound(DigestError):
    """There is no such paper, subscriber or delivery."""


class BadLink(DigestError):
    """A signed link that was forged, cut short, has expired, or belongs to another purpose."""


class TryLater(DigestError):
    """A passing failure. `seconds` is how long the other side asked us to wait, if it said."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message, seconds)
        self.message = message
        self.seconds = seconds

    def __str__(self) -> str:
        return self.message


class ConnectionLost(TryLater):
    """The connection broke, or fell silent, before the server had answered."""


class SlowDown(TryLater):
    """The provider says that mail comes too fast."""


class NeverSend(DigestError):
    """The server refuses this recipient for good."""


class StopRun(DigestError):
    """A failure that every further piece of work would meet too."""


class NoConnection(StopRun):
    """The mail server cannot be reached."""


class ServerFull(NoConnection):
    """The mail server lets no further connection in for now; there may be some that it let in before."""


class PolicyRefused(StopRun):
    """The server refuses a mail by its policy, before it has taken any on this connection."""
