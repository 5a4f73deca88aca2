"""What delivering takes, and what came of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from digest.delivery.composed_mail import ComposedMail, Imprint, Pick
from digest.delivery.decisions import WaitPolicy
from digest.delivery.limits import Limits, NoLimits
from digest.delivery.select_papers import Composer
from digest.domain.delivery import Delivery
from digest.mail.envelope import Transport
from digest.mail.rendering import Renderer
from digest.store.database import Database
from digest.subscribers.links import Links

LEASE = timedelta(minutes=15)
"""How long a batch may take. Half of it is for sending; then the rest is given back, not risked."""
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
    imprint: Imprint
    secret: bytes
    wait_policy: WaitPolicy = field(default_factory=WaitPolicy)
    batch_size: int = 500
    rng: Random = field(default_factory=Random)
    lease: timedelta = LEASE
    limits: Limits = field(default_factory=NoLimits)
    account: str = "mail"
    """Names the mail server and the user there: what limits and the circuit belong to."""
    is_stopping: Callable[[], bool] = lambda: False
    """Asked before each mail; once true, the mails that are left are given back."""


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

    @property
    def refusals(self) -> int:
        """Mails that the server did not take for now."""
        return self.to_retry[SERVER_BUSY] + self.to_retry[SUSPECTED]


@dataclass(frozen=True, slots=True)
class ReadyDelivery:
    """A composed mail that waits for its turn on the connection."""

    delivery: Delivery
    contents: ComposedMail
    picks: Sequence[Pick]
