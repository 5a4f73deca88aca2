"""Dependencies and result types of delivery."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from digest.chat.rendering import PostRenderer
from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.decisions import WaitPolicy
from digest.delivery.limits import Limits, NoLimits
from digest.delivery.select_papers import Composer
from digest.domain.delivery import STREAMS, Delivery, Stream
from digest.mail.dkim import Signer
from digest.mail.envelope import Transport
from digest.mail.rendering import Renderer
from digest.store.database import Database
from digest.subscribers.links import Links
from digest.subscribers.profiles import ProfileBuilder

LEASE = timedelta(minutes=15)
"""How long a claim lasts. Mails not sent after half of it are released."""
LOWERED_FOR = timedelta(minutes=10)
"""How long a process uses fewer connections after the server refused one."""
CHAT_ACCOUNT = "chat"
"""The account of all posts, for circuit breakers."""
MOST_POSTS = 100
"""Posts of one batch: with the longest timeouts, they end well within a lease."""
SERVER_BUSY = "the server asked to try later"
SUSPECTED = "refused, not confirmed"
"""The reason of a mail whose refusal is not confirmed, as the server itself may be at fault."""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """The dependencies of delivery; one per process."""

    database: Database
    composer: Composer
    links: Links
    renderer: Renderer
    transport: Transport
    imprint: SenderIdentity
    secret: bytes
    wait_policy: WaitPolicy = field(default_factory=WaitPolicy)
    batch_size: int = 500
    rng: Random = field(default_factory=Random)
    lease: timedelta = LEASE
    signer: Signer = field(default_factory=Signer)
    limits: Limits = field(default_factory=NoLimits)
    connections: "ConnectionAllowance" = field(default_factory=lambda: ConnectionAllowance(1))
    """How many connections to the mail server may be open at once."""
    profiles: ProfileBuilder = field(default_factory=ProfileBuilder)
    """Builds profiles that are missing before a mail is composed."""
    account: str = "mail"
    """Mail server and user, to which limits and circuit breakers apply."""
    is_stopping: Callable[[], bool] = lambda: False
    """Called before each mail; once true, the remaining mails are released."""
    chat: "ChatDelivery | None" = None
    """How posts are sent; None: none are."""

    @property
    def streams(self) -> Sequence[Stream]:
        """What this process delivers, in this order."""
        return [stream for stream in STREAMS if stream != Stream.CHAT or self.chat is not None]

    def for_stream(self, stream: Stream) -> "DeliveryContext":
        """Return the dependencies of delivering one of `streams`.

        Posts share nothing with a mail server: neither its limits nor its circuit breakers. A quiet day needs no post.
        """
        if stream != Stream.CHAT:
            return self
        assert self.chat is not None, "posts need ChatDelivery"
        return replace(
            self,
            transport=self.chat.transport,
            connections=self.chat.connections,
            account=CHAT_ACCOUNT,
            limits=NoLimits(),
            wait_policy=replace(self.wait_policy, quiet_day="skip"),
            batch_size=min(self.batch_size, MOST_POSTS),
        )


class ConnectionAllowance:
    """How many connections a process may open; fewer for a while after the server refused one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lowered_to = most
        self._until: datetime | None = None

    def allowed(self, now: datetime) -> int:
        """Return how many may be open at `now`."""
        return self._lowered_to if self._until is not None and now < self._until else self.most

    def lower(self, count: int, now: datetime) -> None:
        """Allow only `count` connections, at least one, for LOWERED_FOR."""
        self._lowered_to = max(1, count)
        self._until = now + LOWERED_FOR


@dataclass(frozen=True, slots=True)
class ChatDelivery:
    """How posts to chat channels are sent."""

    transport: Transport
    renderer: PostRenderer
    connections: ConnectionAllowance


@dataclass(slots=True)
class Summary:
    """Counts of the outcomes of a run."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """By reason."""
    to_retry: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    """Why the run ended early; empty if it did not."""

    def add(self, other: "Summary") -> None:
        """Add the counts of another part of the run."""
        self.sent += other.sent
        self.skipped += other.skipped
        self.to_retry += other.to_retry
        self.failed += other.failed

    def copy(self) -> "Summary":
        """Return the counts of now."""
        return Summary(self.sent, self.skipped.copy(), self.to_retry.copy(), self.failed.copy(), self.stopped)

    @property
    def refusals(self) -> int:
        """Mails that the server refused for now."""
        return self.to_retry[SERVER_BUSY] + self.to_retry[SUSPECTED]


@dataclass(frozen=True, slots=True)
class ReadyDelivery:
    """A claimed delivery and its composed mail, to be sent."""

    delivery: Delivery
    mail: ComposedMail
