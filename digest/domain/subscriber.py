"""Subscribers, their schedules and their interests."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from digest.domain.channel import Service
from digest.domain.source_categories import CATEGORY_FORM
from digest.errors import BadInput
from digest.text.characters import visible
from digest.text.languages import DEFAULT, LANGUAGES, gettext


class Status(StrEnum):
    """Whether a subscriber gets mail."""

    PENDING = "pending"
    """Has not confirmed the address yet, or has to confirm it again."""
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    """The address must not be written to."""


class Frequency(StrEnum):
    """On which days a subscriber gets a digest."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    OFF = "off"


class Layout(StrEnum):
    """How much a digest shows of each paper."""

    FULL = "full"
    COMPACT = "compact"
    """Titles and reasons only."""
    TEXT = "text"
    """The full digest as plain text, without an HTML part."""


class InterestKind(StrEnum):
    """What a stored interest means; see `Interests`."""

    TOPIC = "topic"
    MUST = "must"
    MUTE = "mute"
    FOLLOW = "follow"
    CATEGORY = "category"


class Verdict(StrEnum):
    """What a subscriber wants to see of papers like one of theirs."""

    MORE = "more"
    LESS = "less"


class SuppressionEvent(StrEnum):
    """What can happen to an address in the suppression log."""

    UNSUBSCRIBED = "unsubscribed"
    RETURNED = "returned"
    ERASED = "erased"
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"


STATUSES = tuple(Status)
FREQUENCIES = tuple(Frequency)
LAYOUTS = tuple(Layout)
INTEREST_KINDS = tuple(InterestKind)

LONGEST_WORDS = 500
MOST_INTERESTS = 100


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscriber gets mail: the days, and the hour in their time zone."""

    timezone: str = "UTC"
    hour: int = 7
    frequency: Frequency = Frequency.DAILY

    def __post_init__(self) -> None:
        """Check the values. Raises BadInput."""
        if not is_time_zone(self.timezone):
            raise _unknown_time_zone(self.timezone)
        if not 0 <= self.hour <= 23:
            raise BadInput(gettext("The hour is %(hour)s; it must be between 0 and 23.", hour=self.hour))
        if self.frequency not in FREQUENCIES:
            raise BadInput(
                gettext(
                    "The frequency is %(given)s; choose one of %(frequencies)s.",
                    given=repr(self.frequency),
                    frequencies=", ".join(FREQUENCIES),
                )
            )
        # Text from a form or a file becomes the value.
        object.__setattr__(self, "frequency", Frequency(self.frequency))

    @property
    def zone(self) -> ZoneInfo:
        """The subscriber's time zone."""
        return ZoneInfo(self.timezone)


def is_time_zone(name: str) -> bool:
    """Return whether this machine knows a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _unknown_time_zone(name: str) -> BadInput:
    city = name.rsplit("/", 1)[-1].casefold().replace(" ", "_")
    same = sorted(zone for zone in available_timezones() if zone.rsplit("/", 1)[-1].casefold() == city)
    if same:
        return BadInput(
            gettext(
                "There is no time zone %(zone)s; write it like Europe/Berlin (did you mean %(near)s?).",
                zone=repr(name),
                near=same[0],
            )
        )
    return BadInput(gettext("There is no time zone %(zone)s; write it like Europe/Berlin.", zone=repr(name)))


@dataclass(frozen=True, slots=True)
class Interests:
    """The interests of a subscriber in words. Ratings of papers are feedback."""

    topics: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    """Each of these must occur in every pick; alternatives are written `a|b`."""
    mute: tuple[str, ...] = ()
    """Papers that contain any of these are never picked."""
    follow: tuple[str, ...] = ()
    """Authors whose papers are picked first: names or ORCID iDs, and `a|b` are one person."""
    categories: tuple[str, ...] = ()
    """Only papers of these arXiv categories, cross-lists included; empty: all."""

    def __post_init__(self) -> None:
        """Check lengths, number and categories. Raises BadInput."""
        everything = (*self.topics, *self.must, *self.mute, *self.follow, *self.categories)
        if len(everything) > MOST_INTERESTS:
            raise BadInput(
                gettext(
                    "There are %(given)s interests; at most %(most)s are allowed.",
                    given=len(everything),
                    most=MOST_INTERESTS,
                )
            )
        for words in everything:
            if not words.strip() or len(words) > LONGEST_WORDS:
                raise BadInput(
                    gettext("An interest must have between 1 and %(most)s characters.", most=LONGEST_WORDS)
                )
        for category in self.categories:
            if not CATEGORY_FORM.fullmatch(category):
                raise BadInput(
                    gettext(
                        "There is no category %(category)s; write it like cs.CL or hep-th.",
                        category=repr(category),
                    )
                )


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One subscriber as stored."""

    id: int
    key: str
    """Random; names the subscriber in links and Message-IDs."""
    address: str
    status: Status
    schedule: Schedule
    max_papers: int
    created_at: datetime
    interests: Interests = field(default_factory=Interests)
    next_due_at: datetime | None = None
    paused_until: date | None = None
    confirmed_at: datetime | None = None
    layout: Layout = Layout.FULL
    language: str = DEFAULT
    """The language of their mails and pages, by its tag."""
    team: str | None = None
    """Random; equal for the members of a team, who share topics, filters and ratings. None: in no team."""
    service: Service | None = None
    """The chat service of a channel, which gets posts and no mail. None: a person."""


def known_language(tag: str) -> str:
    """Return the tag of a language, in whatever case it is written. Raises BadInput for a language that is not known."""
    for known in LANGUAGES:
        if tag.lower().replace("_", "-") == known.lower():
            return known
    raise BadInput(
        gettext(
            "There is no language %(language)s; choose one of %(languages)s.",
            language=repr(tag),
            languages=", ".join(LANGUAGES),
        )
    )


def clean_words(texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Put each text on one line without invisible characters; remove empty and repeated ones."""
    lines = (" ".join(visible(text).split()) for text in texts)
    return tuple(dict.fromkeys(line for line in lines if line))
