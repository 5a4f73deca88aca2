"""What one subscriber gets from a shelf: filters, followed authors, two sections without repeats."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digest.domain.delivery import Section
from digest.ranking.candidates import Candidates
from digest.ranking.scoring import Scores, score
from digest.ranking.trending import NEWNESS

__all__ = ["Candidates", "RankedPick", "Rules", "Scores", "score", "select"]

FLOOR = 0.17
"""Score below which a paper is not picked by taste.

Of the papers that score this much for a judged topic line, three in ten were near it or better; with it, six in ten of
the papers shown are (docs/ranking.md).
"""
_REPEATED = 0.95
"""What each pick of an interest leaves of the value of its next one, beside other interests."""
_ALIKE = 0.3
"""Share of its value that a paper would lose if it were the same as one already picked (maximal marginal relevance)."""
_CONSIDERED = 6
"""Best papers looked at for each place."""


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
    fits = fits[np.argsort(-values[fits], kind="stable")]
    left = size - len(picks.picks)
    quota = round(left * min(1.0, max(0.0, rules.for_you)))
    picks.take_by_taste(fits, len(picks.picks) + quota)
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
        picks.take_by_taste(fits, size)
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

    def take_by_taste(self, fits: NDArray[np.intp], until: int) -> None:
        """Take papers until there are `until` picks, interests in turn and no two papers too much alike.

        `fits` are places, the best first. The next pick is the paper of the highest value: its score, less for
        each pick of the same interest and for its likeness to a pick. While it has papers, no interest gets less
        than half of an equal share.
        """
        free = [index for index in fits.tolist() if int(self._candidates.groups[index]) not in self._taken]
        free = free[: _CONSIDERED * (until - len(self.picks))]
        if not free or len(self.picks) >= until:
            return
        shares = _Shares(self._interests[free].astype(np.int64), until)
        nearest = np.zeros(len(free))
        for pick in self.picks:
            shares.count(pick.interest)
            nearest = np.maximum(nearest, self._candidates.similarity(pick.index)[free])
        open_ = np.ones(len(free), bool)
        while open_.any() and len(self.picks) < until:
            value = self._values[free] * (1 - _ALIKE * nearest) * shares.discount()
            value[~(open_ & shares.allowed(open_, until - len(self.picks)))] = -1
            at = int(value.argmax())
            open_[at] = False
            if self.take(free[at], Section.FOR_YOU):
                shares.count(self.picks[-1].interest)
                nearest = np.maximum(nearest, self._candidates.similarity(free[at])[free])


class _Shares:
    """How many picks each interest has, and how many it is sure of."""

    def __init__(self, own: NDArray[np.int64], places: int) -> None:
        self._own = own
        self._picked = np.zeros(int(own.max()) + 1, np.int64)
        papers = np.bincount(own)
        self._sure = np.minimum(papers, max(1, places // (2 * int(np.count_nonzero(papers)))))

    def discount(self) -> NDArray[np.float64]:
        """Return what is left of the value of each paper after the picks of its interest."""
        if np.count_nonzero(self._sure) < 2:
            return np.ones(len(self._own))
        left: NDArray[np.float64] = _REPEATED ** self._picked[self._own].astype(np.float64)
        return left

    def allowed(self, open_: NDArray[np.bool_], places: int) -> NDArray[np.bool_]:
        """Tell which papers may come next when so many places are left."""
        free = np.bincount(self._own[open_], minlength=len(self._sure))
        missing = np.minimum(free, np.maximum(0, self._sure - self._picked))
        if places > missing.sum() or not missing.any():
            return np.ones(len(self._own), bool)
        lacks: NDArray[np.bool_] = missing > 0
        return lacks[self._own]

    def count(self, interest: int) -> None:
        """Count a pick; -1 for one that no interest brought."""
        if 0 <= interest < len(self._picked):
            self._picked[interest] += 1


def _followed(candidates: Candidates, values: NDArray[np.float32], rules: Rules) -> list[tuple[int, str]]:
    """Papers of followed authors that no mute word or withdrawal forbids, best first."""
    if not rules.follow:
        return []
    allowed = candidates.allowed((), rules.mute, ())
    found = {index: name for author in rules.follow for index, name in candidates.by_author(author)}
    allowed_papers = [(index, name) for index, name in found.items() if allowed[index]]
    return sorted(allowed_papers, key=lambda pair: (-values[pair[0]], pair[0]))
