"""Votes in words, and in the card of a paper."""

import json

import pytest

from digest.domain.pick import Card
from digest.domain.votes import Votes
from digest.text.languages import use_language


@pytest.mark.parametrize(
    ("votes", "words", "fewer"),
    [
        (Votes(1), "1 upvote", "1 upvote"),
        (Votes(1200), "1,200 upvotes", "1,200 upvotes"),
        (Votes(1, 1, 1), "1 upvote, +1 since yesterday", "1 upvote, +1"),
        (Votes(1200, 1183, 3), "1,200 upvotes, +1,183 since 3 days ago", "1,200 upvotes, +1,183"),
        (Votes(0, citations=1), "1 citation", "1 citation"),
        (Votes(0, citations=1200), "1,200 citations", "1,200 citations"),
    ],
)
def test_votes_in_words(votes: Votes, words: str, fewer: str) -> None:
    assert (votes.in_words(), votes.without_days()) == (words, fewer)


def card(votes: Votes | None, popularity: str) -> Card:
    return Card("2511.00001", "A title", (), "", (), None, "", popularity=popularity, votes=votes)


def test_a_card_says_its_votes_in_the_current_language(pseudo_language: str) -> None:
    stored = json.dumps(card(Votes(38, 21, 1), Votes(38, 21, 1).in_english()).to_json())
    read = Card.from_json(json.loads(stored))
    assert read == card(Votes(38, 21, 1), "38 upvotes, +21 since yesterday")
    assert read.popularity_in_words == read.popularity
    with use_language(pseudo_language):
        assert read.popularity_in_words == "⟦⟪38⟫ upvotes, +⟪21⟫ since yesterday⟧"
        assert Votes(38, 21, 1).in_english() == read.popularity


def test_a_card_of_an_earlier_version_keeps_its_words(pseudo_language: str) -> None:
    document = card(None, "38 upvotes, +21 today").to_json()
    del document["votes"]
    with use_language(pseudo_language):
        assert Card.from_json(document).popularity_in_words == "38 upvotes, +21 today"
    assert card(None, "").popularity_in_words == ""
