"""One word for each idea: the words that the vocabulary of docs/architecture.md replaces are used nowhere.

Many of them have another, ordinary meaning ("the rest of the line", "a feed reader"), so each pattern matches a word
only where it has the replaced meaning.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from tests.conftest import ROOT

TREES = ("digest", "workers", "tests", "templates", "docs")
SUFFIXES = {".py", ".md", ".html", ".mjml", ".txt", ".js", ".css", ".toml", ".mako"}
# The papers of the sample are written in other people's words; this module contains every word.
OTHERS = (
    "digest/sample/papers.toml",
    "digest/sample/liked.toml",
    # They name old columns.
    "digest/store/migrations/versions/",
    "tests/test_vocabulary.py",
    # Lists of English words, words of papers, and names of categories.
    "digest/domain/source_categories.py",
    "digest/ranking/words.py",
    "tests/ranking/test_explain.py",
)
_PERSON = r"(?:an?|the|each|every|no|our|your|its|one|other|another|two|of|for|to|from|their|many|all|most|some|these)"

# Pattern, the word to use, an example that the pattern must find, and parts of words of which every match contains one:
# most lines contain none of them and need no pattern. Patterns ignore case, except between (?-i: ).
WORDS: tuple[tuple[str, str, str, str], ...] = (
    # A program that shows feeds is a feed reader. In JSON documents the key "reader" is fixed.
    (
        rf"\b{_PERSON} (?<!screen )readers?\b(?! (?:of|in|for)\b)|\breader(?:'s|s')(?= )",
        "subscriber",
        "the mail of a reader",
        "reader",
    ),
    (
        r"\breader_(?:id|key|row_id)\b|(?<!screen )(?<!screen_)\breaders\b(?![:\"\[])",
        "subscriber",
        "all(readers)",
        "reader",
    ),
    (
        r"\b(?:row|paper|subscriber|delivery) numbers?\b(?!\()",
        "row_id, paper_id, id",
        "by row number",
        "number",
    ),
    (
        r"subscriber_id\W{1,4}number\b|\bnumber, _?,? ?(?:paper_)?id\b",
        "subscriber_id",
        "subscriber_id == number",
        "number",
    ),
    (r"\b(?:paper|row|bucket)_places?\b", "row_id, index", "paper_place = 1", "place"),
    (r"\bsightings?\b", "feed item", "one sighting of a paper", "sighting"),
    (r"\btakes?_in\b|\btook in\b", "ingest", "def take_in()", "take took"),
    (r"\b(?:shelf|shelves)\b", "candidates", "the shelf of the day", "shel"),
    (r"(?-i:\b_?(?:Chosen|Choice|StoredPick)\b)", "pick", "class Chosen:", "cho stored"),
    (r"\bmail records?\b|(?-i:\bClaimed(?:Mail|Delivery)?\b)", "delivery", "a mail record", "record claimed"),
    (
        r"\b(?:the|a|each|every|one|of) letters?\b(?= (?:is|was|to|of a subscriber|goes|went)\b)",
        "mail",
        "a letter is sent",
        "letter",
    ),
    (
        r"\b(?:content|body|card|bytes|sha256|mail)_digest\b|\bdigest of (?:the|its) (?:bytes|content)\b",
        "hash",
        "content_digest",
        "digest",
    ),
    (
        r"\bbackground (?:papers?|corpus|sets?|vectors?|terms?)\b|\bstock\b",
        "reference corpus",
        "the background papers",
        "background stock",
    ),
    (r"\bopponents?\b", "negatives", "the opponents", "opponent"),
    (r"(?<!data-)\b(?:first|prior|best) guess(?:es)?\b|\bguess of\b", "prior", "a first guess", "guess"),
    (r"\bwanted (?:labels?|values?|scores?)\b", "labels", "the wanted values", "wanted"),
    (r"\bimportances?\b(?!\|)", "sample weight", "importance of each", "importance"),
    (r"\bstrengths?\b", "prior variance", "with a strength of 2", "strength"),
    (
        r"\b(?:latent|main|principal|svd)? ?directions of\b",
        "latent space",
        "directions of the corpus",
        "directions",
    ),
    (r"\bkinships?\b", "similarity", "kinship of papers", "kinship"),
    (r"(?<!round )\btrip(?:s|ped|ping)?\b", "open (a circuit breaker)", "it trips", "trip"),
    (r"\bmend(?:s|ed|ing)?\b", "close (a circuit breaker)", "it mends", "mend"),
    (r"(?<!from the )\btrials?\b", "half-open", "the next trial", "trial"),
    (
        r"\b(?:breaker|circuit|server) (?:is |be |was )?(?:rests?|rested|resting)\b",
        "open (a circuit breaker)",
        "the server rests",
        "rest",
    ),
    (r"\bput(?:s|ting)? off\b|\bpostpon(?:e|es|ed|ing)\b", "retry", "the mail is put off", "off postpon"),
    (
        r"\bdrop(?:s|ped|ping)? (?:a |the |its |their |each |all )?(?:deliver(?:y|ies)|mails?|claims?)\b",
        "cancel",
        "drop the delivery",
        "drop",
    ),
    (
        r"\b(?:giv(?:e|es|ing|en)|gave|hand(?:s|ed)?)(?: (?:it|them|one|the rest|a claim|the claim))? back\b",
        "release",
        "give it back",
        "back",
    ),
    (r"\bkept (?:values?|profiles|vectors|pages)\b|\bthe kept\b", "cache", "the kept values", "kept"),
    (r"\b(?:form )?stamps?\b", "form token, cache", "the stamp of a form", "stamp"),
    (
        r"(?-i:\b(?:Parts|Site|Office)\b)(?! of)|\b(?:self\._?|the )(?:site|office)\.(?!css|js)",
        "container, context",
        "Office()",
        "parts site office",
    ),
    (r"\b(?:letter|mail|post) office\b", "delivery context", "the mail office", "office"),
    (r"\bstorms?\b", "load test", "a storm of requests", "storm"),
    (r"\btours?\b", "crawl", "a tour of all pages", "tour"),
    (r"\bflood(?:s|ed|ing)?\b", "load test", "a flood", "flood"),
    (r"\bscenery\b", "fixtures", "scenery", "scenery"),
    (r"\b(?:a|the|each|every|per) visits?\b", "probe, request", "each visit", "visit"),
    (r"\bcrowds?\b", "load test", "a crowd of readers", "crowd"),
    (r"\btally\b|\btallies\b", "counts", "the tally", "tall"),
    (r"\bcan not\b", "cannot", "it can not fail", "can"),
)


def files() -> Iterator[Path]:
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in SUFFIXES and "__pycache__" not in name and not name.startswith(OTHERS):
                yield path


@dataclass(frozen=True)
class Lines:
    """All lines of all files."""

    places: list[str]
    lines: list[str]
    text: str
    """All lines in lower case, which are searched at once."""
    starts: list[int]
    """The position of each line in `text`."""

    def with_part(self, part: str) -> Iterator[int]:
        """Yield the index of each line that contains a part of a word."""
        position = self.text.find(part)
        while position >= 0:
            index = bisect_right(self.starts, position) - 1
            yield index
            following = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)
            position = self.text.find(part, following)


@pytest.fixture(scope="module")
def all_lines() -> Lines:
    places, lines = [], []
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            places.append(f"{path.relative_to(ROOT)}:{number}")
            lines.append(line)
    lower = [line.lower() for line in lines]
    starts = [0, *accumulate(len(line) + 1 for line in lower)][:-1]
    return Lines(places, lines, "\n".join(lower), starts)


@pytest.mark.parametrize(("pattern", "instead", "example", "parts"), WORDS, ids=[word[2] for word in WORDS])
def test_a_replaced_word_is_used_nowhere(
    all_lines: Lines, pattern: str, instead: str, example: str, parts: str
) -> None:
    word = re.compile(pattern, re.IGNORECASE)

    def contains(line: str) -> bool:
        """Return whether the word occurs, also as a part of a name."""
        return word.search(line) is not None or word.search(line.replace("_", " ")) is not None

    assert contains(example), "the pattern finds nothing"
    assert any(part in example.lower() for part in parts.split())
    found = [
        f"{all_lines.places[index]}: {all_lines.lines[index].strip()}"
        for part in parts.split()
        for index in all_lines.with_part(part)
        if contains(all_lines.lines[index])
    ]
    assert not found, f"write {instead}:\n" + "\n".join(found)
