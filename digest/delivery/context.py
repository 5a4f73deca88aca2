"""What delivering takes, and what came of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.decisions import WaitPolicy
from digest.delivery.limits import Limits, NoLimits
from digest.delivery.select_papers import Composer
from digest.domain.delivery import Delivery
from digest.mail.dkim import Signer
from digest.mail.envelope import Transport
from digest.mail.rendering import Renderer
from digest.store.database import Database
from digest.subscribers.links import Links

LEASE = timedelta(minutes=15)
"""How long a batch may take. Half of it is for sending; then the rest is given back, not risked."""
LOWERED_FOR = timedelta(minutes=10)
"""How long a process does with fewer connections after the server refused one."""
SERVER_BUSY = "the server asked to try later"
SUSPECTED = "refused, not confirmed"
"""The reason of a mail whose address the server refuses while the server itself may be at fault."""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """The parts that delivering takes; one a process."""

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
    """How many connections to the mail server there may be at once."""
    account: str = "mail"
    """Names the mail server and the user there: what limits and the circuit belong to."""
    is_stopping: Callable[[], bool] = lambda: False
    """Asked before each mail; once true, the mails that are left are given back."""


class ConnectionAllowance:
    """How many connections a process may have; fewer for a while after the server refused one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lowered_to = most
        self._until: datetime | None = None

    def allowed(self, now: datetime) -> int:
        """Return how many there may be."""
        return self._lowered_to if self._until is not None and now < self._until else self.most

    def lower(self, count: int, now: datetime) -> None:
        """Be content with fewer."""
        self._lowered_to = max(1, count)
        self._until = now + LOWERED_FOR


@dataclass(slots=True)
class Summary:
    """What became of the deliveries of a run."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """By reason."""
    to_retry: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    """Why the run ended before all was done."""

    def add(self, other: "Summary") -> None:
        """Add the counts of another part of the run."""
        self.sent += other.sent
        self.skipped += other.skipped
        self.to_retry += other.to_retry
        self.failed += other.failed

    @property
    def refusals(self) -> int:
        """Mails that the server did not take for now."""
        return self.to_retry[SERVER_BUSY] + self.to_retry[SUSPECTED]


@dataclass(frozen=True, slots=True)
class ReadyDelivery:
    """A claimed delivery and its composed mail, to be sent."""

    delivery: Delivery
    mail: ComposedMail
