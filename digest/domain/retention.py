"""How long data about mails and papers is stored."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of data is stored in full. What it is reduced to afterwards is stored for ever."""

    contents: timedelta = timedelta(days=90)
    """Contents of mails, and picks with score and reasons; afterwards, only the ids of the papers."""
    deliveries: timedelta = timedelta(days=365)
    """Rows of the ledger; afterwards, only counts by edition."""
    popularity: timedelta = timedelta(days=14)
    """Every popularity snapshot; afterwards, one for each paper and day, and after `contents` only the newest."""
