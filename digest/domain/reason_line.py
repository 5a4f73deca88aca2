"""The sentence that says why a paper was picked. What is emphasised stands between asterisks."""

from collections.abc import Sequence

from digest.text.formatting import shorten
from digest.text.languages import gettext

RATED = "papers you marked"
"""The name of an interest that was learned from marked papers alone, as it is stored. The sentence has a translation of it."""

_MOST_OF_TITLE = 120
_ENOUGH = 0.5
"""Share of the score from which the named terms explain it by themselves."""


def reason_line(
    interest: str, terms: Sequence[tuple[str, float]], *, is_typed: bool = False, liked: str = ""
) -> str:
    """Return the sentence in the current language: `Matches *robot manipulation* — policies, grasping.` and the like.

    `interest` is what the subscriber typed, or `RATED`. `terms` have their shares of the score; with `is_typed`, the
    first one is words of the subscriber. If the terms carry less than half of the score, the sentence says that they
    are a part of it. `liked` is the title of the marked paper that explains the pick better than terms do.
    """
    if liked:
        return gettext("Like *%(title)s*, which you marked.", title=_plain(shorten(liked, _MOST_OF_TITLE)))
    names = [_plain(term) for term, _ in terms]
    is_part = bool(terms) and sum(share for _, share in terms) < _ENOUGH
    if interest == RATED and not is_typed:
        return _learned(", ".join(names), is_part=is_part)
    if is_typed:
        return _matches(names[0], ", ".join(names[1:]), is_part=is_part)
    return _close_to(_plain(interest), ", ".join(names), is_part=is_part)


# The asterisks of a message are around the words that are emphasised.


def _matches(words: str, terms: str, *, is_part: bool) -> str:
    if terms and is_part:
        return gettext("Matches *%(words)s* — %(terms)s and related terms.", words=words, terms=terms)
    if terms:
        return gettext("Matches *%(words)s* — %(terms)s.", words=words, terms=terms)
    if is_part:
        return gettext("Matches *%(words)s* and related terms.", words=words)
    return gettext("Matches *%(words)s*.", words=words)


def _close_to(words: str, terms: str, *, is_part: bool) -> str:
    if terms and is_part:
        return gettext("Close to *%(words)s* — %(terms)s and related terms.", words=words, terms=terms)
    if terms:
        return gettext("Close to *%(words)s* — %(terms)s.", words=words, terms=terms)
    return gettext("Close to *%(words)s*.", words=words)


def _learned(terms: str, *, is_part: bool) -> str:
    if terms and is_part:
        return gettext("Matches *papers you marked* — %(terms)s and related terms.", terms=terms)
    if terms:
        return gettext("Matches *papers you marked* — %(terms)s.", terms=terms)
    return gettext("Close to *papers you marked*.")


def is_explained_by_paper(interest: str, terms: Sequence[tuple[str, float]]) -> bool:
    """Return whether a marked paper would explain a pick better than its terms: they are few, or nothing was typed."""
    return interest == RATED or (bool(interest) and sum(share for _, share in terms) < _ENOUGH)


def _plain(words: str) -> str:
    return words.replace("*", "")
