"""Links are signed, valid for one purpose and one subscriber, and deterministic."""

from datetime import date
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from itsdangerous import Signer

from digest.errors import BadLink
from digest.subscribers.links import PURPOSES, Claim, Links, Purpose
from tests.factories import BASE_URL, SECRET, TUESDAY, links

purposes = st.sampled_from(PURPOSES)
keys = st.text("0123456789abcdef", min_size=16, max_size=16)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
characters = st.characters(codec="utf-8")


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


@given(purposes, keys, days)
def test_a_link_contains_its_subscriber_and_date(purpose: Purpose, subscriber: str, day: date) -> None:
    link = links().link(purpose, subscriber, day)
    assert link.startswith(f"{BASE_URL}/{purpose}/")
    assert links().read(purpose, token_of(link)) == Claim(subscriber, day)
    assert link == links().link(purpose, subscriber, day)


@given(purposes, keys, days, st.integers(0, 200), characters)
def test_a_changed_character_invalidates_a_link(
    purpose: Purpose, subscriber: str, day: date, position: int, character: str
) -> None:
    token = token_of(links().link(purpose, subscriber, day))
    position %= len(token)
    forged = token[:position] + character + token[position + 1 :]
    assume(forged != token)
    with pytest.raises(BadLink):
        links().read(purpose, forged)


@given(purposes, keys, days, st.integers(0, 200), characters)
def test_an_added_or_missing_character_invalidates_a_link(
    purpose: Purpose, subscriber: str, day: date, position: int, character: str
) -> None:
    token = token_of(links().link(purpose, subscriber, day))
    position %= len(token)
    for forged in (
        token[:position] + character + token[position:],
        token[:position] + token[position + 1 :],
        token[:position],
    ):
        with pytest.raises(BadLink):
            links().read(purpose, forged)


@given(purposes, purposes, keys)
def test_a_link_is_valid_for_one_purpose(made: Purpose, used: Purpose, subscriber: str) -> None:
    assume(made != used)
    with pytest.raises(BadLink):
        links().read(used, token_of(links().link(made, subscriber, TUESDAY)))


@given(keys, keys)
def test_a_signature_is_valid_for_one_subscriber(one: str, other: str) -> None:
    assume(one != other)
    token = token_of(links().link("unsubscribe", one, TUESDAY))
    with pytest.raises(BadLink):
        links().read("unsubscribe", token.replace(one, other))


def test_links_differ_between_installations() -> None:
    token = token_of(Links(BASE_URL, b"another secret").link("confirm", "00ff00ff00ff00ff", TUESDAY))
    with pytest.raises(BadLink):
        links().read("confirm", token)


@given(st.text())
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(BadLink):
        links().read("feedback", token)


def test_a_signed_token_with_other_contents_is_refused() -> None:
    signer = Signer(SECRET, salt="digest.confirm", digest_method=sha256)
    for value in (
        "subscriber",
        "subscriber.",
        "subscriber.2026",
        "subscriber.20261399",
        "subscriber.notaday0",
    ):
        with pytest.raises(BadLink):
            links().read("confirm", signer.sign(value).decode())


@pytest.mark.parametrize(
    ("about", "topics"),
    [
        ("gaussian splatting · KV cache/compression", "?topics=gaussian%20splatting%3B%20KV%20cache%2Fcompression"),
        ("gaussian splatting · a topic that is cut o…", "?topics=gaussian%20splatting"),
        ("a topic that is cut o…", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_link_for_a_colleague_names_the_whole_topics(about: str, topics: str) -> None:
    assert links().share(about) == f"{links().home}{topics}"


def test_a_bad_link_says_what_to_do() -> None:
    said = r"^This link is incomplete; please open it again from the mail\.$"
    with pytest.raises(BadLink, match=said):
        links().read("confirm", "broken")
    with pytest.raises(BadLink, match=said):
        links().read_paper("broken")


@pytest.mark.parametrize(
    ("purpose", "signature"),
    [
        ("confirm", "dEI9U2VwjJiOK3CCiRBIj0BHWqEN8fxmKIkFGZAlgtA"),
        ("preferences", "C_2X7lKZY9bGBKo2GfWzbo3dt46tmegT4CbNVEEQQcs"),
        ("unsubscribe", "3HF3Y47hhnvt1L-YfNxuDrCQJw2Qsax2sOWvsPS_nzE"),
        ("feed", "8pWBjZbbTOCNXfbqelp0DVJkrbeyfDhKyXRaUbcyLLw"),
    ],
)
def test_the_links_of_sent_mails_stay_valid(purpose: Purpose, signature: str) -> None:
    token = f"0123456789abcdef.20260303.{signature}"
    assert token_of(links().link(purpose, "0123456789abcdef", TUESDAY)) == token
    assert links().read(purpose, token) == Claim("0123456789abcdef", TUESDAY)


def test_the_addresses_of_feeds_and_feedback_pages() -> None:
    made = Links("https://papers.example.org/", SECRET)
    assert made.home == "https://papers.example.org/"
    feed = made.feed("0123456789abcdef", TUESDAY)
    assert feed == f"{made.link('feed', '0123456789abcdef', TUESDAY)}.xml"
    (page,) = made.feedback_pages("0123456789abcdef", TUESDAY, ["2603.00001"])
    assert page == "https://papers.example.org/f/JVYBI0VniavN7xRWAAGQxDKI2OXz8SCv"
    assert made.read_paper(token_of(page)).paper_id == "2603.00001"
