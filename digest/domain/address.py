"""A mail address as a value: parsed once, then passed on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """An address of valid form. `digest.subscribers.addresses.parse_address` makes one from typed text."""

    typed: str
    """As typed, without the spaces around it."""
    mailbox: str
    """`local@domain` in ASCII, the form that mail is sent to; the local part is as typed."""

    @property
    def key(self) -> str:
        """The text that all spellings of this address share."""
        return address_key(self.mailbox)

    @property
    def domain(self) -> str:
        """The part after the @."""
        return self.mailbox.rpartition("@")[2]


def address_key(mailbox: str) -> str:
    """Return the text that all spellings of a stored address share; a plus-address has a key of its own."""
    return mailbox.casefold()
