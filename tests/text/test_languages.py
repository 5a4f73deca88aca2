"""Languages: choice by header, messages with values and numbers, and complete catalogues."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog, Message
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from digest.text import languages
from digest.text.languages import DEFAULT, LANGUAGES, chosen_language, gettext, ngettext, use_language
from tests import translations

OTHERS = [tag for tag in LANGUAGES if tag != DEFAULT]
_PLACE = re.compile(r"%\((\w+)\)[sd]")
_TAG = re.compile(r"</?[a-z][^>]*>")


@pytest.fixture(scope="module")
def messages() -> Catalog:
    return translations.extracted()


def texts(message: Message) -> tuple[str, ...]:
    return (
        tuple(message.string) if isinstance(message.string, (tuple, list)) else (str(message.string or ""),)
    )


def ids(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (message.id,)


@given(st.text(max_size=200))
def test_any_header_gives_a_language(header: str) -> None:
    assert chosen_language(header) in LANGUAGES


@pytest.mark.parametrize("header", ["", "*", "tlh", "xx;q=0.5, en", "en-GB,en;q=0.9"])
def test_english_where_nothing_else_suits(header: str) -> None:
    assert chosen_language(header) == "en"


def test_an_unknown_language_is_english() -> None:
    with use_language("tlh"):
        assert languages.current_language() == "en"


def test_messages_take_values_and_numbers() -> None:
    assert gettext("Hello, %(name)s", name="Ada") == "Hello, Ada"
    assert gettext("100%") == "100%"
    assert ngettext("%(num)s paper", "%(num)s papers", 1) == "1 paper"
    assert ngettext("%(num)s paper", "%(num)s papers", 1204) == "1,204 papers"


def test_values_are_escaped_in_html_and_messages_are_not() -> None:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    languages.install(environment)
    template = environment.from_string("{% trans name=name %}<b>{{ name }}</b> is 50% there{% endtrans %}")
    assert template.render(name="<Ada>") == "<b>&lt;Ada&gt;</b> is 50% there"


@pytest.mark.parametrize(("tag", "space"), [("en", " "), ("de", " "), ("zh-Hans", "")])
def test_sentences_have_a_space_between_them_but_in_chinese(
    monkeypatch: pytest.MonkeyPatch, tag: str, space: str
) -> None:
    monkeypatch.setitem(LANGUAGES, tag, tag)
    with use_language(tag):
        assert languages.sentence_space() == space


@pytest.mark.parametrize("tag", OTHERS)
def test_a_catalogue_is_what_an_update_makes_of_it(tag: str) -> None:
    # Fails when a message was added, changed or removed: run `make translations` and translate what is empty.
    assert translations.path_of(tag).read_bytes() == translations.updated(tag)


@pytest.mark.parametrize("tag", OTHERS)
def test_every_message_is_translated(tag: str, messages: Catalog) -> None:
    catalogue = translations.read(tag)
    missing = [one.id for one in messages if one.id and not all(_of(catalogue, one))]
    assert not missing
    assert not [one.id for one in catalogue if one.fuzzy and one.id]


def _of(catalogue: Catalog, message: Message) -> tuple[str, ...]:
    found = catalogue.get(ids(message)[0], message.context)
    return texts(found) if found else ("",)


@pytest.mark.parametrize("tag", OTHERS)
def test_translations_hold_the_same_values_and_tags(tag: str) -> None:
    for message in _translated(tag):
        places = [set(_PLACE.findall(one)) for one in ids(message)]
        tags = sorted(_TAG.findall(ids(message)[-1]))
        for text in texts(message):
            # A singular may leave the number out.
            assert set(_PLACE.findall(text)) in places, text
            assert sorted(_TAG.findall(text)) == tags, text
            # Nothing else that Python's formatting would take for a value.
            if places != [set()]:
                assert not re.search(r"%(?![(%])", _PLACE.sub("", text)), text


def _translated(tag: str) -> Iterator[Message]:
    return (one for one in translations.read(tag) if one.id)
