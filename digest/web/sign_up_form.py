"""The fields of a sign-up form: what they show, and what they say about a subscriber."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from digest.domain.subscriber import Schedule, clean_words
from digest.web.forms import Form

_NAMES = ("email", "topics", "like", "categories", "frequency", "hour", "timezone")


def sign_up_fields(**given: str) -> dict[str, str]:
    """Return the values of all fields: those given, else the defaults."""
    schedule = Schedule()
    usual = {"frequency": schedule.frequency.value, "hour": str(schedule.hour)}
    return {**dict.fromkeys(_NAMES, ""), **usual, **given}


def typed_fields(form: Form) -> dict[str, str]:
    """Return the values of a posted form, to show it once more."""
    return sign_up_fields(**{name: form.text(name)[:500] for name in _NAMES if form.text(name)})


def preferences_from(form: Form) -> dict[str, Any]:
    """Return what a form says besides the address, by the names of a `SubscriberRecord`. Raises BadInput."""
    said: dict[str, Any] = {
        "topics": list(split_topics(form.text("topics"))),
        "likes": list(form.all("like")),
        "categories": list(form.words("categories")),
        "frequency": form.text("frequency"),
        "timezone": known_timezone(form.text("timezone")),
        "hour": form.number("hour") if form.text("hour") else None,
    }
    return {name: value for name, value in said.items() if value not in ("", None, [])}


def split_topics(text: str) -> tuple[str, ...]:
    """Return the topics of a field of one line, which semicolons separate."""
    return clean_words(text.split(";"))


def known_timezone(name: str) -> str:
    """Return a time zone's name, or "" for one that is not known here: a browser may know newer ones."""
    return name if name in _timezones() else ""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
