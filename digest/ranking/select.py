"""What one subscriber gets from a shelf: filters, followed authors, two sections without repeats."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from digest.domain.delivery import Section
from digest.ranking.candidates import Candidates
from digest.ranking.scoring import Scores, score
from digest.ranking.trending import NEWNESS

__all__ = ["Candidates", "RankedPick", "Rules", "Scores", "score", "select"]

FLOOR = 0.12


@dataclass(frozen=True, slots=True)
class Rules:
    """What a subscriber asked for besides taste."""

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
class RankedPick:
    """One paper picked for one subscriber."""

    index: int
    """Its place on the shelf."""
    paper_id: str
    section: Section
    score: float
    interest: int
    """Place of the interest it matched, -1 when it was picked for another reason."""
    author: str = ""
    """The followed author who brought it, as the paper prints the name."""


def select(
    candidates: Candidates,
    values: NDArray[np.float32],
    interests: NDArray[np.int8],
    rules: Rules,
    seen: AbstractSet[str] = frozenset(),
) -> list[RankedPick]:
    """Pick at most `rules.size` papers: followed authors, then by taste, then what everyone reads.

    `values` and `interests` are the subscriber's rows of `Scores`; `seen` holds the ids of all papers the
    subscriber ever got, and neither they nor their near-duplicates come again. When one section is short
    the other fills up. Withdrawn papers never come. What everyone reads has popularity to show for it;
    only a subscriber without any taste gets papers there that are merely new.
    """
    taken = {int(candidates.groups[candidates.indexes[paper]]) for paper in candidates.indexes.keys() & seen}
    picks = _Picks(candidates, values, interests, taken)
    size = max(0, rules.size)
    for index, author in _followed(candidates, values, rules):
        if len(picks.picks) >= min(rules.follow_most, size):
            break
        picks.take(index, Section.FOR_YOU, author)
    allowed = candidates.allowed(rules.must, rules.mute, rules.categories)
    fits = np.flatnonzero(allowed & (values >= rules.floor) & (interests >= 0))
    fits = fits[np.argsort(-values[fits], kind="stable")].tolist()
    left = size - len(picks.picks)
    quota = round(left * min(1.0, max(0.0, rules.for_you)))
    several = len(set(interests[fits].tolist())) > 1
    cap = max(1, ceil(quota * rules.interest_share)) if several else quota
    picks.take_by_taste(fits, len(picks.picks) + quota, cap)
    start = len(picks.picks)
    # What is only new is read by nobody yet: it stands in for subscribers alone of whom we know nothing.
    least = NEWNESS if (interests >= 0).any() or picks.picks else 0.0
    for index in candidates.by_trend:
        if len(picks.picks) >= size or candidates.trending[index] <= least:
            break
        if allowed[index]:
            picks.take(index, Section.EVERYONE)
    everyone = picks.picks[start:]
    if len(picks.picks) < size:
        picks.take_by_taste(fits, size, size)
    return picks.picks[:start] + picks.picks[start + len(everyone) :] + everyone


class _Picks:
    """The picks so far; no group of near-duplicates is picked from twice."""

    def __init__(
        self,
        candidates: Candidates,
        values: NDArray[np.float32],
        interests: NDArray[np.int8],
        taken: set[int],
    ) -> None:
        self._candidates, self._values, self._interests, self._taken = candidates, values, interests, taken
        self.picks: list[RankedPick] = []

    def take(self, index: int, section: Section, author: str = "") -> bool:
        group = int(self._candidates.groups[index])
        if group in self._taken:
            return False
        self._taken.add(group)
        by_taste = section == "for_you" and not author
        self.picks.append(
            RankedPick(
                index,
                self._candidates.papers[index].id,
                section,
                float(self._values[index]),
                int(self._interests[index]) if by_taste else -1,
                author,
            )
        )
        return True

    def take_by_taste(self, fits: list[int], until: int, cap: int) -> None:
        """Take the best fitting until there are `until` picks, at most `cap` from one interest."""
        share: dict[int, int] = {}
        for index in fits:
            if len(self.picks) >= until:
                return
            interest = int(self._interests[index])
            if share.get(interest, 0) < cap and self.take(index, Section.FOR_YOU):
                share[interest] = share.get(interest, 0) + 1


def _followed(candidates: Candidates, values: NDArray[np.float32], rules: Rules) -> list[tuple[int, str]]:
    """Papers of followed authors that no mute word or withdrawal forbids, best first."""
    if not rules.follow:
        return []
    allowed = candidates.allowed((), rules.mute, ())
    found = {index: name for author in rules.follow for index, name in candidates.by_author(author)}
    allowed_papers = [(index, name) for index, name in found.items() if allowed[index]]
    return sorted(allowed_papers, key=lambda pair: (-values[pair[0]], pair[0]))
