"""The errors of this product, by what the caller should do.

DigestError
├── BadInput      show the person what to type instead
├── NotFound      show the person that it does not exist
├── BadLink       show a page with help: the link is forged, expired or for another purpose
├── TryLater      a temporary failure: keep the work and retry
│   ├── ConnectionLost   the connection broke; several in a row mean that the server is faulty
│   ├── MailboxFull      this recipient's mailbox is full
│   └── SlowDown         the provider asks for a slower pace
├── NeverSend     the server refuses this address permanently: do not retry
└── StopRun       everything else would fail, too: stop and inform the operator
    ├── NoConnection     the mail server cannot be reached
    │   └── ServerFull   the mail server accepts no further connection
    └── PolicyRefused    the server refuses this kind of mail by its policy

Every message is one sentence that says what to do; command line, web pages and workers show it unchanged.
Arguments are positional, so that errors can be pickled between processes.
"""


class DigestError(Exception):
    """The base of all errors that this product raises."""

    answer_code = 0
    """The code of the mail server's answer; 0 if there was none."""


class BadInput(DigestError):
    """Input that cannot be used."""


class NotFound(DigestError):
    """There is no such paper, subscriber or delivery."""


class BadLink(DigestError):
    """A signed link that was forged, cut short, has expired, or belongs to another purpose."""


class TryLater(DigestError):
    """A temporary failure. `seconds` is the wait that the server requested, if any."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message, seconds)
        self.message = message
        self.seconds = seconds

    def __str__(self) -> str:
        return self.message


class ConnectionLost(TryLater):
    """The connection broke or timed out before the server answered."""


class MailboxFull(TryLater):
    """The mailbox of this recipient takes no mail for now: it is full."""


class SlowDown(TryLater):
    """The provider asks for a slower pace."""


class NeverSend(DigestError):
    """The server refuses this recipient permanently."""


class StopRun(DigestError):
    """A failure that would stop all further work, too."""


class NoConnection(StopRun):
    """The mail server cannot be reached."""


class ServerFull(NoConnection):
    """The mail server accepts no further connection for now; connections that are open stay usable."""


class PolicyRefused(StopRun):
    """The server refuses a mail by its policy before it has accepted any on this connection.

    About that mail at first; the run stops when recipients of several domains are refused like that.
    """
