"""The sentence that says why a paper was picked. What is emphasised stands between asterisks."""

from collections.abc import Sequence

from digest.text.formatting import shorten

RATED = "papers you marked"
"""The name of an interest that was learned from marked papers alone."""

_MOST_OF_TITLE = 120
_ENOUGH = 0.5
"""Share of the score from which the named terms explain it by themselves."""


def reason_line(
    interest: str, terms: Sequence[tuple[str, float]], *, is_typed: bool = False, liked: str = ""
) -> str:
    """Return the sentence: `Matches *robot manipulation* — policies, grasping.` and the like.

    `interest` is what the subscriber typed, or `RATED`. `terms` have their shares of the score; with `is_typed`, the
    first one is words of the subscriber. If the terms carry less than half of the score, the sentence says that they
    are a part of it. `liked` is the title of the marked paper that explains the pick better than terms do.
    """
    if liked:
        return f"Like {_emphasised(shorten(liked, _MOST_OF_TITLE))}, which you marked."
    names = [term.replace("*", "") for term, _ in terms]
    if is_typed:
        start, names = f"Matches {_emphasised(names[0])}", names[1:]
    elif interest == RATED and names:
        start = f"Matches {_emphasised(interest)}"
    else:
        start = f"Close to {_emphasised(interest)}"
    if names:
        start += f" — {', '.join(names)}"
    if terms and sum(share for _, share in terms) < _ENOUGH:
        start += " and related terms"
    return f"{start}."


def is_explained_by_paper(interest: str, terms: Sequence[tuple[str, float]]) -> bool:
    """Return whether a marked paper would explain a pick better than its terms: they are few, or nothing was typed."""
    return interest == RATED or (bool(interest) and sum(share for _, share in terms) < _ENOUGH)


def _emphasised(words: str) -> str:
    return f"*{words.replace('*', '')}*"
