"""From what a delivery recorded to the mail itself: the same record gives the same bytes, always."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Self

from digest.mail.addresses import mailto, read_address
from digest.mail.letter import Card, Confirmation, Letter, OwnLinks, Pick, Section, Words
from digest.mail.message import Message, digest_headers, message_id, transactional_headers
from digest.mail.rendering import Renderer
from digest.readers.links import Links
from digest.readers.subscriber import Rhythm

CONFIRM_DAYS = 7
"""How long a confirmation link is good."""
PAST_DIGESTS = 10
"""So many of a reader's last digests stand in the mail with their links."""
_LONGEST_ABOUT = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]")


@dataclass(frozen=True, slots=True)
class Imprint:
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
class Contents:
    """All that one mail says beside its cards and reasons, as kept with its delivery."""

    kind: str
    reader: str
    """The reader's key, which the links name."""
    recipient: str
    edition_on: date
    composed_at: datetime
    imprint: Imprint
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
            "reader": self.reader,
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
        return cls(
            **{
                **value,
                "edition_on": date.fromisoformat(value["edition_on"]),
                "composed_at": datetime.fromisoformat(value["composed_at"]),
                "imprint": Imprint(**value["imprint"]),
                # Mails of earlier versions have none.
                "past": tuple(date.fromisoformat(edition_on) for edition_on in value.get("past", ())),
            }
        )

    @property
    def message_id(self) -> str:
        """The Message-ID: the same for every copy of this mail, different from every other's."""
        return message_id(self.kind, f"{self.reader}.{self.edition_on:%Y%m%d}", self.imprint.domain)

    @property
    def file_name(self) -> str:
        """A name for the mail's file: safe, and telling for a person who looks into the folder."""
        safe = _UNSAFE.sub("_", self.recipient)
        owner = safe if safe == self.recipient else f"{safe}.{self.reader}"
        return f"{self.edition_on}.{owner}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One paper of one mail, with the reason it was picked for."""

    number: int
    """The paper's row number."""
    card: Card
    section: Section
    score: float
    terms: tuple[tuple[str, float], ...] = ()
    """The terms that carried the score, with their shares of it."""
    author: str = ""
    """The followed author who brought it."""

    @property
    def reason(self) -> str:
        """The line the reader sees; empty when popularity alone speaks for the paper."""
        if self.author:
            return f"By {self.author}, whom you follow"
        if self.terms:
            return f"Because of: {', '.join(term for term, _ in self.terms)}"
        return ""

    def reasons_json(self) -> dict[str, Any]:
        """Return what the database keeps of the reason."""
        return {"terms": [[term, round(share, 4)] for term, share in self.terms], "author": self.author}

    @classmethod
    def recorded(
        cls, number: int, card: Mapping[str, Any], section: Section, score: float, reasons: Mapping[str, Any]
    ) -> Self:
        """Return the pick that a delivery recorded."""
        terms = tuple((term, share) for term, share in reasons["terms"])
        return cls(number, Card.from_json(card), section, score, terms, reasons["author"])


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to go."""

    message: Message
    words: Words


def about(topics: Sequence[str]) -> str:
    """Say in one line what a reader asked for."""
    line = " · ".join(topics)
    return line if len(line) <= _LONGEST_ABOUT else line[: _LONGEST_ABOUT - 1].rstrip() + "…"


def rhythm_in_words(rhythm: Rhythm) -> str:
    """Say when a reader gets mail, as it goes after "You get this mail"."""
    days = {"daily": "every day", "weekdays": "on weekdays", "weekly": "every Monday", "off": "never"}
    return f"{days[rhythm.frequency]} at {rhythm.hour}:00 ({rhythm.timezone.replace('_', ' ')})"


def build_mail(contents: Contents, picks: Sequence[Chosen], links: Links, renderer: Renderer) -> Mail:
    """Render the words and write the message of a recorded delivery."""
    if contents.kind == "confirm":
        return _confirmation(contents, links, renderer)
    if contents.kind == "links":
        return _own_links(contents, links, renderer)
    reader, day, imprint = contents.reader, contents.edition_on, contents.imprint
    feedback = links.link("feedback", reader, day)
    unsubscribe = links.link("unsubscribe", reader, day)
    preferences = links.link("preferences", reader, day)
    words = renderer.digest(
        Letter(
            edition_on=day,
            picks=tuple(
                Pick(
                    card=pick.card,
                    section=pick.section,
                    reason=pick.reason,
                    more_url=links.feedback(feedback, pick.card.paper_id, "more"),
                    less_url=links.feedback(feedback, pick.card.paper_id, "less"),
                )
                for pick in picks
            ),
            considered=contents.considered,
            about=contents.about,
            note=contents.note,
            frequency=contents.frequency,
            preferences_url=preferences,
            unsubscribe_url=unsubscribe,
            web_url=links.link("digest", reader, day),
            operator=imprint.operator,
            postal_address=imprint.postal_address,
        )
    )
    sender = read_address(imprint.sender).mailbox
    token = unsubscribe.rpartition("/")[2]
    headers = digest_headers(
        list_id=imprint.list_id,
        unsubscribe_url=unsubscribe,
        unsubscribe_mailto=mailto(sender, f"unsubscribe {token}"),
        help_url=preferences,
        owner=sender,
        archive_url=links.home,
    )
    return Mail(_message(contents, words, headers), words)


def _confirmation(contents: Contents, links: Links, renderer: Renderer) -> Mail:
    words = renderer.confirm(
        Confirmation(
            confirm_url=links.link("confirm", contents.reader, contents.edition_on),
            expires_in_days=CONFIRM_DAYS,
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return Mail(_message(contents, words, transactional_headers()), words)


def _own_links(contents: Contents, links: Links, renderer: Renderer) -> Mail:
    reader, day = contents.reader, contents.edition_on
    words = renderer.links(
        OwnLinks(
            preferences_url=links.link("preferences", reader, day),
            feed_url=links.feed(reader, day),
            unsubscribe_url=links.link("unsubscribe", reader, day),
            past=tuple((edition, links.link("digest", reader, edition)) for edition in contents.past),
            web_url=links.home,
            operator=contents.imprint.operator,
            postal_address=contents.imprint.postal_address,
        )
    )
    return Mail(_message(contents, words, transactional_headers()), words)


def _message(contents: Contents, words: Words, headers: tuple[tuple[str, str], ...]) -> Message:
    return Message(
        sender=contents.imprint.sender,
        recipient=contents.recipient,
        subject=words.subject,
        text=words.text,
        html=words.html,
        message_id=contents.message_id,
        date=contents.composed_at,
        headers=headers,
    )
