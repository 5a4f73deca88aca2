"""What one reader gets from a shelf: filters, followed authors, two sections without repeats."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digest.ranking.candidates import Shelf
from digest.ranking.scoring import Scores, score
from digest.ranking.trending import NEWNESS

__all__ = ["Choice", "Rules", "Scores", "Shelf", "choose", "score"]

Section = Literal["for_you", "everyone"]
FLOOR = 0.12


@dataclass(frozen=True, slots=True)
class Rules:
    """What a reader asked for besides taste."""

    must: tuple[str, ...] = ()
    """Each has to stand in title or abstract; `a|b` asks for either."""
    mute: tuple[str, ...] = ()
    """None may stand there."""
    categories: tuple[str, ...] = ()
    """Any of these, cross-lists counting; empty for all."""
    follow: tuple[str, ...] = ()
    """Authors whose papers come first, whatever their score, must words and categories."""
    size: int = 10
    """Papers at most, in all."""
    for_you: float = 0.7
    """Share of the papers picked by taste; the others are what everyone reads."""
    floor: float = FLOOR
    """A paper that scores less is not picked by taste."""
    interest_share: float = 0.7
    """Share of the papers picked by taste that one of several interests may fill."""
    follow_most: int = 3
    """Papers of followed authors at most."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One paper picked for one reader."""

    place: int
    """Its place on the shelf."""
    paper_id: str
    section: Section
    score: float
    interest: int
    """Place of the interest it matched, -1 when it was picked for another reason."""
    author: str = ""
    """The followed author who brought it, as the paper prints the name."""


def choose(
    shelf: Shelf,
    values: NDArray[np.float32],
    interests: NDArray[np.int8],
    rules: Rules,
    seen: AbstractSet[str] = frozenset(),
) -> list[Choice]:
    """Pick at most `rules.size` papers: followed authors, then by taste, then what everyone reads.

    `values` and `interests` are the reader's rows of `Scores`; `seen` holds the ids of all papers the
    reader ever got, and neither they nor their near-duplicates come again. When one section is short
    the other fills up. Withdrawn papers never come. What everyone reads has popularity to show for it;
    only a reader without any taste gets papers there that are merely new.
    """
    taken = {int(shelf.groups[shelf.places[paper]]) for paper in shelf.places.keys() & seen}
    picks = _Picks(shelf, values, interests, taken)
    size = max(0, rules.size)
    for place, author in _followed(shelf, values, rules):
        if len(picks.chosen) >= min(rules.follow_most, size):
            break
        picks.take(place, "for_you", author)
    allowed = shelf.allowed(rules.must, rules.mute, rules.categories)
    fits = np.flatnonzero(allowed & (values >= rules.floor) & (interests >= 0))
    fits = fits[np.argsort(-values[fits], kind="stable")].tolist()
    left = size - len(picks.chosen)
    quota = round(left * min(1.0, max(0.0, rules.for_you)))
    several = len(set(interests[fits].tolist())) > 1
    cap = max(1, ceil(quota * rules.interest_share)) if several else quota
    picks.take_by_taste(fits, len(picks.chosen) + quota, cap)
    start = len(picks.chosen)
    # What is only new is read by nobody yet: it stands in for readers alone of whom we know nothing.
    least = NEWNESS if (interests >= 0).any() or picks.chosen else 0.0
    for place in shelf.by_trend:
        if len(picks.chosen) >= size or shelf.trending[place] <= least:
            break
        if allowed[place]:
            picks.take(place, "everyone")
    everyone = picks.chosen[start:]
    if len(picks.chosen) < size:
        picks.take_by_taste(fits, size, size)
    return picks.chosen[:start] + picks.chosen[start + len(everyone) :] + everyone


class _Picks:
    """The picks so far; no group of near-duplicates is picked from twice."""

    def __init__(
        self, shelf: Shelf, values: NDArray[np.float32], interests: NDArray[np.int8], taken: set[int]
    ) -> None:
        self._shelf, self._values, self._interests, self._taken = shelf, values, interests, taken
        self.chosen: list[Choice] = []

    def take(self, place: int, section: Section, author: str = "") -> bool:
        group = int(self._shelf.groups[place])
        if group in self._taken:
            return False
        self._taken.add(group)
        by_taste = section == "for_you" and not author
        self.chosen.append(
            Choice(
                place,
                self._shelf.papers[place].id,
                section,
                float(self._values[place]),
                int(self._interests[place]) if by_taste else -1,
                author,
            )
        )
        return True

    def take_by_taste(self, fits: list[int], until: int, cap: int) -> None:
        """Take the best fitting until there are `until` picks, at most `cap` from one interest."""
        share: dict[int, int] = {}
        for place in fits:
            if len(self.chosen) >= until:
                return
            interest = int(self._interests[place])
            if share.get(interest, 0) < cap and self.take(place, "for_you"):
                share[interest] = share.get(interest, 0) + 1


def _followed(shelf: Shelf, values: NDArray[np.float32], rules: Rules) -> list[tuple[int, str]]:
    """Papers of followed authors that no mute word or withdrawal forbids, best first."""
    if not rules.follow:
        return []
    allowed = shelf.allowed((), rules.mute, ())
    found = {place: name for author in rules.follow for place, name in shelf.by_author(author)}
    kept = [(place, name) for place, name in found.items() if allowed[place]]
    return sorted(kept, key=lambda pair: (-values[pair[0]], pair[0]))
