"""Suggests authors to follow, from the papers that a subscriber liked. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

from digest.domain.paper import Paper
from digest.ranking.matching import author_names, name_parts, same_author

LEAST_PAPERS = 2
"""An author of one liked paper says little: its other authors may be the reason."""
MOST_SUGGESTED = 8
MOST_AUTHORS = 50
"""Papers with more authors are by a collaboration; they suggest nobody."""


def suggest_authors(liked: Sequence[Paper], followed: Iterable[str]) -> list[tuple[str, int]]:
    """Return the authors of at least LEAST_PAPERS liked papers with their number of papers, most papers first.

    `liked` is in the order of the ratings, and of equal numbers the newest rating comes first. Authors who are
    followed already are left out. Two spellings of a name count as one author, shown in the longer spelling.
    """
    known = [name for author in followed for name in author_names(author)]
    counts: Counter[int] = Counter()
    names: list[tuple[str, ...]] = []
    shown: list[str] = []
    by_family: dict[str, list[int]] = {}
    last: dict[int, int] = {}
    for number, paper in enumerate(liked):
        if len(paper.authors) > MOST_AUTHORS:
            continue
        found = set()
        for author in paper.authors:
            parts = name_parts(author)
            if len(parts) < 2 or any(same_author(parts, name) for name in known):
                continue
            same = by_family.setdefault(parts[-1], [])
            place = next((one for one in same if same_author(parts, names[one])), None)
            if place is None:
                place = len(names)
                names.append(parts)
                shown.append(author)
                same.append(place)
            elif len(author) > len(shown[place]):
                shown[place] = author
            found.add(place)
        counts.update(found)
        last |= dict.fromkeys(found, number)
    best = sorted(
        (place for place, count in counts.items() if count >= LEAST_PAPERS),
        key=lambda place: (-counts[place], -last[place], place),
    )
    return [(shown[place], counts[place]) for place in best[:MOST_SUGGESTED]]
