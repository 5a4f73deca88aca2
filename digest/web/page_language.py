"""The language of a page.

A private page is in its subscriber's language. Any other page is in the one that the parameter `lang` of its address
names, or else in the one that the browser asks for (Accept-Language). There are no cookies: where a page is not in the
language that the browser asks for, its links and forms carry the parameter on. Where it is, they carry none, so that
addresses stay short and a page that is passed on is shown to each in their own language.

What is cached depends on `page_variant()`. The API and the operator's page are in English.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from digest.text.languages import (
    DEFAULT,
    LANGUAGES,
    chosen_language,
    current_language,
    set_language,
    use_language,
)

PARAMETER = "lang"
_ENGLISH_ONLY = ("/api/", "/operator/")


@dataclass(slots=True)
class _RequestLanguage:
    """The languages of a request; one object, which its threads share."""

    preferred: str
    """What the browser asks for."""
    chosen: str
    """What the page is in."""


_request: ContextVar[_RequestLanguage | None] = ContextVar("request_language", default=None)
_preferred = lru_cache(1000)(lambda header, _languages: chosen_language(header))


@contextmanager
def request_language(scope: Scope) -> Iterator[None]:
    """Use the language of a request within the `with` block."""
    preferred = chosen = DEFAULT
    if len(LANGUAGES) > 1 and not scope["path"].startswith(_ENGLISH_ONLY):
        preferred = _preferred(Headers(scope=scope).get("accept-language", "")[:500], tuple(LANGUAGES))
        chosen = _named(scope["query_string"]) or preferred
    token = _request.set(_RequestLanguage(preferred, chosen))
    try:
        with use_language(chosen):
            yield
    finally:
        _request.reset(token)


def _named(query: bytes) -> str:
    """Return the language that the parameter of an address names; "" without one that can be chosen."""
    if PARAMETER.encode() not in query:
        return ""
    try:
        given = parse_qs(query.decode("ascii", "replace")).get(PARAMETER, [""])[0]
    except ValueError:
        return ""
    return given if given in LANGUAGES else ""


def use_subscriber_language(tag: str) -> None:
    """Use a subscriber's language for the rest of the request, also on a page about an error."""
    set_language(tag)
    if (request := _request.get()) is not None:
        request.chosen = current_language()


@contextmanager
def answer_language() -> Iterator[None]:
    """Use, within the `with` block, the language that the threads of this request have chosen."""
    request = _request.get()
    with use_language(current_language() if request is None else request.chosen):
        yield


def carried_language() -> str:
    """Return the language that links of the page have to carry; "" when the browser asks for it by itself."""
    tag, request = current_language(), _request.get()
    return "" if request is None or tag == request.preferred else tag


def page_variant() -> tuple[str, str]:
    """Return what a page depends on besides its address and content: its language, and the one its links carry."""
    return current_language(), carried_language()


def carried_path(path: str) -> str:
    """Return a path of this site as a link of the page: with the language, if links have to carry it."""
    tag = carried_language()
    return with_language(path, tag) if tag else path


def fixed_path(path: str) -> str:
    """Return a path that gives the page in the current language whoever asks; without a parameter for English."""
    tag = current_language()
    return path if tag == DEFAULT else with_language(path, tag)


def alternates(path: str) -> list[tuple[str, str]]:
    """Return the fixed path of a page in each language by its tag, and the one that anybody's language decides on."""
    paths = [(tag, path if tag == DEFAULT else with_language(path, tag)) for tag in LANGUAGES]
    return [("x-default", path), *paths]


def with_language(path: str, tag: str) -> str:
    """Return a path with the parameter that names a language."""
    address, mark, fragment = path.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{PARAMETER}={tag}{mark}{fragment}"
