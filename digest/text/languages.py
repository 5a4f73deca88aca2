"""The languages of pages and mails: messages by gettext, dates and numbers by locale.

The current language belongs to the running context (a request, or the rendering of a mail) and is English where
nothing else was chosen, so the command line speaks English. Messages are written in English in the code
(`gettext("Hello, %(name)s", name=name)`) and in the templates (`{% trans %}`, `_()`). The translations are in
`digest/locale/<language>/LC_MESSAGES/digest.po`; `make translations` brings these files up to date. A catalogue is read
once per process, when its language is used for the first time. Babel reads them and formats dates and
numbers; it is imported when a language other than English is used, so the command line starts without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale
    from babel.support import NullTranslations
    from jinja2 import Environment

DOMAIN = "digest"
FOLDER = Path(__file__).parent.parent / "locale"
DEFAULT = "en"
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "zh-Hans": "简体中文",
}
"""The languages that can be chosen, by BCP 47 tag, with their own names."""

_current: ContextVar[str] = ContextVar("language", default=DEFAULT)


@contextmanager
def use_language(tag: str) -> Iterator[None]:
    """Make `tag` the current language within the `with` block; English when there is no such language."""
    token = _current.set(tag if tag in LANGUAGES else DEFAULT)
    try:
        yield
    finally:
        _current.reset(token)


def set_language(tag: str) -> None:
    """Make `tag` the current language for the rest of the running context; English when there is no such language."""
    _current.set(tag if tag in LANGUAGES else DEFAULT)


def current_language() -> str:
    """Return the tag of the current language, such as "en" or "zh-Hans"."""
    return _current.get()


def current_locale() -> "Locale":
    """Return Babel's locale of the current language."""
    return _locale(_current.get())


def text_direction() -> str:
    """Return "ltr" or "rtl", the direction of the current language's script."""
    return "ltr" if _current.get() == DEFAULT else current_locale().text_direction


def sentence_space() -> str:
    """Return what stands between two sentences of the current language: a space, in Chinese nothing."""
    return "" if _current.get().partition("-")[0] == "zh" else " "


def chosen_language(accept_language: str) -> str:
    """Return the language that suits an Accept-Language header best (RFC 9110, section 12.5.4), else English.

    Any header is accepted. A range matches a language that it equals, or whose primary subtag it shares.
    """
    ranges: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        name, _, parameter = part.partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name.strip() and 0 < quality <= 1:
            ranges.append((quality, name.strip().lower()))
    for _, name in sorted(ranges, key=lambda one: -one[0]):
        if name == "*":
            return DEFAULT
        for tag in LANGUAGES:
            if name == tag.lower() or name.partition("-")[0] == tag.partition("-")[0].lower():
                return tag
    return DEFAULT


def gettext(message: str, **values: object) -> str:
    """Return the message in the current language, with `%(name)s` replaced by the value of that name.

    Without values, the message is returned as it stands, `%` included.
    """
    translated = message if _current.get() == DEFAULT else _catalogue(_current.get()).ugettext(message)
    return translated % values if values else translated


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """Return the message for this number of things in the current language; `%(num)s` is the number by locale."""
    return _plural_form(singular, plural, number) % {"num": decimal(number), **values}


def _plural_form(singular: str, plural: str, number: int) -> str:
    tag = _current.get()
    if tag == DEFAULT:
        return singular if number == 1 else plural
    return _catalogue(tag).ungettext(singular, plural, number)


def gettext_noop(message: str) -> str:
    """Mark a message that is translated later, where it is shown. Returns it unchanged."""
    return message


def decimal(number: int) -> str:
    """Return a number with the separators of the current language: "1,204"."""
    return f"{number:,}" if _current.get() == DEFAULT else _decimal(number, _current.get())


def install(environment: "Environment") -> None:
    """Give a Jinja environment `{% trans %}`, `_()`, `gettext()` and `ngettext()` in the current language."""
    environment.add_extension("jinja2.ext.i18n")
    # Line breaks in a template are no part of a message.
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(gettext, _plural_form, newstyle=True)  # type: ignore[attr-defined]


@lru_cache
def _locale(tag: str) -> "Locale":
    from babel import Locale  # noqa: PLC0415

    return Locale.parse(tag, sep="-")


@lru_cache(1000)
def _decimal(number: int, tag: str) -> str:
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(number, locale=_locale(tag))


@lru_cache
def _catalogue(tag: str) -> "NullTranslations":
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415
    from babel.support import Translations  # noqa: PLC0415

    with (FOLDER / tag.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file, locale=tag.replace("-", "_"), domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)
