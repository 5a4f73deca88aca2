"""A composed mail: its content as it is stored with its delivery, enough to build it again byte for byte."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Self

from digest.domain.pick import Pick
from digest.domain.subscriber import Frequency, Schedule
from digest.mail.addresses import read_address
from digest.mail.message import message_id
from digest.text.formatting import clock
from digest.text.languages import DEFAULT, gettext

_LONGEST_ABOUT = 200

_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]")


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """The sender, the same in every mail of an installation."""

    sender: str
    operator: str
    postal_address: str
    list_id: str
    return_path: str = ""
    """The address that bounces go to, before the key of a delivery is added to it; empty: the sender's."""
    dkim_selectors: tuple[str, ...] = ()
    """The DKIM keys that sign the mail."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the sender of a stored mail. Mails of earlier versions have neither return path nor selectors."""
        return cls(**{**value, "dkim_selectors": tuple(value.get("dkim_selectors", ()))})

    @property
    def domain(self) -> str:
        """The domain of the sender and of Message-IDs."""
        return read_address(self.sender).domain


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """The content of one mail, as stored with its delivery."""

    kind: str
    subscriber_key: str
    """The subscriber's key, which the links contain."""
    recipient: str
    edition_on: date
    composed_at: datetime
    imprint: SenderIdentity
    considered: int = 0
    about: str = ""
    note: str = ""
    frequency: str = ""
    """When the subscriber gets mail, in words."""
    language: str = DEFAULT
    """The language it was composed in, and is built in again, whatever the subscriber chooses later."""
    past: tuple[date, ...] = ()
    """Editions of earlier digests that the mail links to, newest first."""
    layout: str = "full"
    marked: tuple[tuple[str, str], ...] = ()
    """Title and address of the papers that the subscriber marked in the week before; in a weekly digest."""
    away_since: date | None = None
    """The last edition before a pause; in a catch-up."""
    picks: tuple[Pick, ...] = ()
    """The papers of a digest, in the order of the mail."""

    def to_json(self) -> dict[str, Any]:
        """Return all but the picks, which have a table of their own. `from_json` is the inverse."""
        return {
            "kind": self.kind,
            "reader": self.subscriber_key,
            "recipient": self.recipient,
            "edition_on": self.edition_on.isoformat(),
            "composed_at": self.composed_at.isoformat(),
            "imprint": _as_json(self.imprint),
            "considered": self.considered,
            "about": self.about,
            "note": self.note,
            "frequency": self.frequency,
            "language": self.language,
            "past": [edition_on.isoformat() for edition_on in self.past],
            "layout": self.layout,
            "marked": [list(one) for one in self.marked],
            "away_since": self.away_since and self.away_since.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], picks: Sequence[Pick] = ()) -> Self:
        """Return the mail that `to_json` wrote, with its picks."""
        fields = dict(value)
        return cls(
            subscriber_key=fields.pop("reader"),
            **{
                **fields,
                "edition_on": date.fromisoformat(value["edition_on"]),
                "composed_at": datetime.fromisoformat(value["composed_at"]),
                "imprint": SenderIdentity.from_json(value["imprint"]),
                # Mails of earlier versions have none.
                "past": tuple(date.fromisoformat(edition_on) for edition_on in value.get("past", ())),
                "marked": tuple((title, url) for title, url in value.get("marked", ())),
                "away_since": date.fromisoformat(away) if (away := value.get("away_since")) else None,
                "picks": tuple(picks),
            },
        )

    @property
    def message_id(self) -> str:
        """The Message-ID: the same for every copy of this mail, different from every other's."""
        return message_id(self.kind, f"{self.subscriber_key}.{self.edition_on:%Y%m%d}", self.imprint.domain)

    @property
    def file_name(self) -> str:
        """A safe name for the mail's file: edition, recipient and kind."""
        safe = _UNSAFE.sub("_", self.recipient)
        owner = safe if safe == self.recipient else f"{safe}.{self.subscriber_key}"
        return f"{self.edition_on}.{owner}.{self.kind}"


@lru_cache(8)
def _as_json(imprint: SenderIdentity) -> dict[str, Any]:
    return asdict(imprint)


def about(topics: Sequence[str]) -> str:
    """Return the topics on one line, shortened."""
    line = " · ".join(topics)
    return line if len(line) <= _LONGEST_ABOUT else line[: _LONGEST_ABOUT - 1].rstrip() + "…"


def schedule_in_words(schedule: Schedule) -> str:
    """Return when a subscriber gets mail, as a phrase that completes "You get this mail", in the current language."""
    at, zone = clock(schedule.hour), schedule.timezone.replace("_", " ")
    match schedule.frequency:
        case Frequency.DAILY:
            # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
            return gettext("every day at %(time)s (%(zone)s)", time=at, zone=zone)
        case Frequency.WEEKDAYS:
            # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
            return gettext("on weekdays at %(time)s (%(zone)s)", time=at, zone=zone)
        case Frequency.WEEKLY:
            # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
            return gettext("every Monday at %(time)s (%(zone)s)", time=at, zone=zone)
        case Frequency.OFF:
            # Translators: completes "You get this mail ..." and "From now on you get a digest ...".
            return gettext("never")
