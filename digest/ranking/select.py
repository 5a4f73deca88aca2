"""What one subscriber gets from the candidates: filters, followed authors, two sections without repeats."""

from collections import Counter
from collections.abc import Sequence
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
MOST_BY_INITIALS = 3
"""Papers of one followed author of whom the paper and the subscriber share only initials, in one digest."""
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


@dataclass(frozen=True, slots=True)
class RankedPick:
    """One paper picked for one subscriber."""

    index: int
    """Its place among the candidates."""
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
    """Pick at most `rules.size` papers: all of followed authors, then by taste, then what everyone reads.

    `values` and `interests` are the subscriber's rows of `Scores`; `seen` holds the ids of all papers the
    subscriber ever got, and neither they nor their near-duplicates come again. When one section is short
    the other fills up. Withdrawn papers never come. What everyone reads has popularity to show for it;
    only a subscriber without any taste gets papers there that are merely new. Whose papers are of fields in which
    nobody votes gets fewer of what everyone reads in other fields, and more by taste.
    """
    taken = {int(candidates.groups[candidates.indexes[paper]]) for paper in candidates.indexes.keys() & seen}
    picks = _Picks(candidates, values, interests, taken)
    size = max(0, rules.size)
    for index, author in _followed(candidates, values, rules):
        if len(picks.picks) >= size:
            break
        picks.take(index, Section.FOR_YOU, author)
    allowed = candidates.allowed(rules.must, rules.mute, rules.categories)
    fits = np.flatnonzero(allowed & (values >= rules.floor) & (interests >= 0))
    fits = fits[np.argsort(-values[fits], kind="stable")]
    left = size - len(picks.picks)
    quota = round(left * min(1.0, max(0.0, rules.for_you)))
    picks.take_by_taste(fits, len(picks.picks) + quota)
    # What is only new is read by nobody yet: it stands in for subscribers alone of whom we know nothing.
    least = NEWNESS if (interests >= 0).any() or picks.picks else 0.0
    trending = [
        index for index in candidates.by_trend if allowed[index] and candidates.trending[index] > least
    ]
    places = round((size - len(picks.picks)) * picks.share_of_voted_fields())
    picks.take_trending(trending, len(picks.picks) + places)
    picks.take_by_taste(fits, size)
    picks.take_trending(trending, size)
    return sorted(picks.picks, key=lambda pick: pick.section == Section.EVERYONE)


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

    def share_of_voted_fields(self) -> float:
        """Return the share of the picks by taste whose field has votes; 1 without such picks."""
        fields = [self._candidates.fields[pick.index] for pick in self.picks if pick.interest >= 0]
        return (
            sum(field in self._candidates.voted_fields for field in fields) / len(fields) if fields else 1.0
        )

    def take_trending(self, trending: Sequence[int], until: int) -> None:
        """Take papers, the most trending first, until there are `until` picks."""
        for index in trending:
            if len(self.picks) >= until:
                break
            self.take(index, Section.EVERYONE)

    def take_by_taste(self, fits: NDArray[np.intp], until: int) -> None:
        """Take papers until there are `until` picks, interests in turn and no two papers too much alike.

        `fits` are indexes, the best first. The next pick is the paper of the highest value: its score, less for
        each pick of the same interest and for its similarity to a pick. While it has papers, no interest gets less
        than half of an equal share.
        """
        free = [index for index in fits.tolist() if int(self._candidates.groups[index]) not in self._taken]
        free = free[: _CONSIDERED * (until - len(self.picks))]
        if not free or len(self.picks) >= until:
            return
        remaining = _Remaining(free, self._values[free].tolist(), self._interests[free].tolist(), until)
        for pick in self.picks:
            remaining.note_pick(pick.interest, self._candidates.similarity(pick.index))
        while len(self.picks) < until and (index := remaining.take_best(until - len(self.picks))) is not None:
            if self.take(index, Section.FOR_YOU):
                remaining.note_pick(self.picks[-1].interest, self._candidates.similarity(index))


class _Remaining:
    """The papers that may still be picked by taste, in the order of their scores.

    In plain Python: a value is never above the score, so that few papers are looked at for each pick. With arrays of
    all papers a digest took three times as long.
    """

    def __init__(self, indexes: list[int], scores: list[float], interests: list[int], places: int) -> None:
        self._papers = [_Paper(*values) for values in zip(indexes, scores, interests, strict=True)]
        self._open = Counter(interests)
        share = max(1, places // (2 * len(self._open)))
        self._guaranteed = {interest: min(count, share) for interest, count in self._open.items()}
        self._picked: Counter[int] = Counter()
        self._similarities: list[NDArray[np.float16]] = []

    def note_pick(self, interest: int, similarity: NDArray[np.float16]) -> None:
        """Note a pick: the interest that brought it, -1 for none, and its similarity to every paper."""
        self._picked[interest] += 1
        self._similarities.append(similarity)

    def take_best(self, places: int) -> int | None:
        """Remove the paper of the highest value, with so many places left; return its index, None without papers."""
        lacking = self._lacking(places)
        best, highest = None, -1.0
        for paper in self._papers:
            if paper.score <= highest:
                break
            if lacking and paper.interest not in lacking:
                continue
            value = self._value(paper)
            if value > highest:
                best, highest = paper, value
        if best is None:
            return None
        self._papers.remove(best)
        self._open[best.interest] -= 1
        return best.index

    def _value(self, paper: "_Paper") -> float:
        for similarity in self._similarities[paper.compared :]:
            paper.nearest = max(paper.nearest, similarity.item(paper.index))
        paper.compared = len(self._similarities)
        value = paper.score * (1 - _ALIKE * paper.nearest)
        return value * _REPEATED ** self._picked[paper.interest] if len(self._guaranteed) > 1 else value

    def _lacking(self, places: int) -> set[int]:
        """Return the interests that must come next, so that each gets its share; empty if all may come."""
        missing = {
            interest: min(self._open[interest], share - self._picked[interest])
            for interest, share in self._guaranteed.items()
            if self._open[interest] and share > self._picked[interest]
        }
        return set(missing) if places <= sum(missing.values()) else set()


@dataclass(slots=True, eq=False)
class _Paper:
    """A paper that may be picked by taste."""

    index: int
    score: float
    interest: int
    nearest: float = 0.0
    """Its highest similarity to the picks it was compared with."""
    compared: int = 0


def _followed(candidates: Candidates, values: NDArray[np.float32], rules: Rules) -> list[tuple[int, str]]:
    """Return the papers of followed authors that no mute word or withdrawal forbids, and the names, best first.

    Of those that share only initials with a followed name, the best few count: many are by other people.
    """
    if not rules.follow:
        return []
    allowed = candidates.allowed((), rules.mute, ())
    found: dict[int, str] = {}
    for author in rules.follow:
        matches = [one for one in candidates.by_author(author) if allowed[one.index]]
        matches.sort(key=lambda one: (one.by_initials, -values[one.index], one.index))
        certain = sum(not one.by_initials for one in matches)
        found |= {one.index: one.name for one in matches[: max(certain, MOST_BY_INITIALS)]}
    return sorted(found.items(), key=lambda pair: (-values[pair[0]], pair[0]))
