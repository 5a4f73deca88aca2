"""How the stored papers use words: which phrases are in use, and which two words are one name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.ranking.terms import Statistics
from digest.ranking.words import is_general, stem

_ENOUGH = 500
"""From this many papers on, their number that holds a term tells whether it is in use."""
_MANY = 8_000
"""From this many on, the shares below are more than two papers."""
_LEAST_HOLDERS = 2
"""Of fewer papers than that, how many hold a phrase that is in use; or the paper itself repeats it."""
_REPEATED, _REPEATED_WORD = 2, 3
_LEAST_WITH_WORD, _LEAST_WITH_PAIR = 1 / 2_000, 1 / 4_000
"""Share of the papers that hold a word, or a pair of words, that is in use."""
_LEAST_WITH_ABBREVIATION = 1 / 500
"""The same for an abbreviation, which few know."""
_COMMON, _COMMON_ALONE = 0.2, 0.06
"""Share of the papers from which a word is too common to name a subject: in a phrase, and by itself."""
_BOUND = 0.3
"""Share of the papers with the rarer of two words that hold both side by side, from which they are one name."""
_WORD = re.compile(r"[^\W_]+")


def is_all_general(surface: str) -> bool:
    """Tell whether no word of a phrase names a subject."""
    return all(is_general(stem(word.lower())) for word in _WORD.findall(surface))


@dataclass(frozen=True, slots=True)
class Usage:
    """What document frequencies say of phrases. Without any stored paper, every phrase counts as in use."""

    statistics: Statistics

    @property
    def is_known(self) -> bool:
        """Whether there are enough stored papers to tell which phrases are in use."""
        return self.statistics.papers >= _MANY or not self.statistics.papers

    def is_used(self, surface: str, words: Sequence[int], pairs: Sequence[int], times: int) -> bool:
        """Tell whether a phrase is written often enough to be known, and is not all of common words.

        `times` says how often the paper itself writes it; in a small library that counts, too.
        """
        if not self.statistics.papers:
            return True
        if not self.is_known:
            holders = min(int(self.statistics.frequencies[bucket]) for bucket in (pairs or words))
            if holders < _LEAST_HOLDERS and times < (_REPEATED if pairs else _REPEATED_WORD):
                return False
        if self.statistics.papers < _ENOUGH:
            return True
        shares = [self._share(word) for word in words]
        if len(words) == 1:
            least = _LEAST_WITH_ABBREVIATION if surface.rstrip("s").isupper() else _LEAST_WITH_WORD
            return least <= shares[0] <= _COMMON_ALONE
        return _LEAST_WITH_WORD <= min(shares) <= _COMMON and all(
            self._share(pair) >= _LEAST_WITH_PAIR for pair in pairs
        )

    def is_bound(self, pair: int, one: int, other: int) -> bool:
        """Tell whether two words that stand side by side are one name."""
        if self.statistics.papers < _ENOUGH:
            return False
        return self._share(pair) >= _BOUND * min(self._share(one), self._share(other)) > 0

    def _share(self, bucket: int) -> float:
        return float(self.statistics.frequencies[bucket]) / max(1, self.statistics.papers)
