"""What one mail says, as it is stored with its delivery."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Self

from digest.delivery.reason_line import reason_line
from digest.domain.delivery import Section
from digest.domain.subscriber import Schedule
from digest.mail.addresses import read_address
from digest.mail.content import Card
from digest.mail.message import message_id

_LONGEST_ABOUT = 200

_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]")


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """Who sends: the same in every mail of an installation."""

    sender: str
    operator: str
    postal_address: str
    list_id: str

    @property
    def domain(self) -> str:
        """The domain that mails come from and Message-IDs end in."""
        return read_address(self.sender).domain


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """All that one mail says beside its cards and reasons, as kept with its delivery."""

    kind: str
    subscriber_key: str
    """The subscriber's key, which the links name."""
    recipient: str
    edition_on: date
    composed_at: datetime
    imprint: SenderIdentity
    considered: int = 0
    about: str = ""
    note: str = ""
    frequency: str = ""
    past: tuple[date, ...] = ()
    """The editions of earlier digests that it links to, the newest first."""

    def to_json(self) -> dict[str, Any]:
        """Return what the database keeps; `from_json` gives the same contents back."""
        return {
            "kind": self.kind,
            "reader": self.subscriber_key,
            "recipient": self.recipient,
            "edition_on": self.edition_on.isoformat(),
            "composed_at": self.composed_at.isoformat(),
            "imprint": asdict(self.imprint),
            "considered": self.considered,
            "about": self.about,
            "note": self.note,
            "frequency": self.frequency,
            "past": [edition_on.isoformat() for edition_on in self.past],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the contents that `to_json` wrote."""
        fields = dict(value)
        return cls(
            subscriber_key=fields.pop("reader"),
            **{
                **fields,
                "edition_on": date.fromisoformat(value["edition_on"]),
                "composed_at": datetime.fromisoformat(value["composed_at"]),
                "imprint": SenderIdentity(**value["imprint"]),
                # Mails of earlier versions have none.
                "past": tuple(date.fromisoformat(edition_on) for edition_on in value.get("past", ())),
            },
        )

    @property
    def message_id(self) -> str:
        """The Message-ID: the same for every copy of this mail, different from every other's."""
        return message_id(self.kind, f"{self.subscriber_key}.{self.edition_on:%Y%m%d}", self.imprint.domain)

    @property
    def file_name(self) -> str:
        """A name for the mail's file: safe, and telling for a person who looks into the folder."""
        safe = _UNSAFE.sub("_", self.recipient)
        owner = safe if safe == self.recipient else f"{safe}.{self.subscriber_key}"
        return f"{self.edition_on}.{owner}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Pick:
    """One paper of one mail, with the reason it was picked for."""

    row_id: int
    """The paper's row number."""
    card: Card
    section: Section
    score: float
    terms: tuple[tuple[str, float], ...] = ()
    """The terms that carried the score, with their shares of it."""
    author: str = ""
    """The followed author who brought it."""
    is_typed: bool = False
    """Whether the first term is words that the subscriber typed."""
    interest: str = ""
    """The interest it matched, in the subscriber's words; empty in mails of earlier versions."""
    liked: str = ""
    """Title of the paper the subscriber marked that explains the pick better than the terms do."""

    @property
    def reason(self) -> str:
        """The line the subscriber sees; empty when popularity alone speaks for the paper."""
        if self.author:
            return f"By {self.author}, whom you follow"
        if self.interest:
            return reason_line(self.interest, self.terms, is_typed=self.is_typed, liked=self.liked)
        if self.terms:
            return f"Because of: {', '.join(term for term, _ in self.terms)}"
        return ""

    def reasons_json(self) -> dict[str, Any]:
        """Return what the database keeps of the reason."""
        return {
            "terms": [[term, round(share, 4)] for term, share in self.terms],
            "author": self.author,
            "is_typed": self.is_typed,
            "interest": self.interest,
            "liked": self.liked,
        }

    @classmethod
    def recorded(
        cls, row_id: int, card: Mapping[str, Any], section: str, score: float, reasons: Mapping[str, Any]
    ) -> Self:
        """Return the pick that a delivery recorded."""
        terms = tuple((term, share) for term, share in reasons["terms"])
        return cls(
            row_id,
            Card.from_json(card),
            Section(section),
            score,
            terms,
            reasons["author"],
            reasons.get("is_typed", False),
            reasons.get("interest", ""),
            reasons.get("liked", ""),
        )


def about(topics: Sequence[str]) -> str:
    """Say in one line what a subscriber asked for."""
    line = " · ".join(topics)
    return line if len(line) <= _LONGEST_ABOUT else line[: _LONGEST_ABOUT - 1].rstrip() + "…"


def schedule_in_words(schedule: Schedule) -> str:
    """Say when a subscriber gets mail, as it goes after "You get this mail"."""
    days = {"daily": "every day", "weekdays": "on weekdays", "weekly": "every Monday", "off": "never"}
    return f"{days[schedule.frequency]} at {schedule.hour}:00 ({schedule.timezone.replace('_', ' ')})"
