"""How candidates are scored: by the TF-IDF profile, or with a dense scorer as a second opinion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digest.domain.reason_line import RATED
from digest.ranking.candidates import Candidates
from digest.ranking.profile import Profile
from digest.ranking.scoring import Scores
from digest.ranking.typed_words import interest_in_words

_K = 10
"""Constant of reciprocal rank fusion (Cormack et al., 2009): how little the very first ranks differ."""
_DENSE_WEIGHT = 0.5
"""Weight of the dense rank beside the TF-IDF rank."""
_FEEDBACK_PAPERS = 5
_FEEDBACK_WEIGHT = 0.7
"""Weight of the best papers by TF-IDF beside the line: they say what the line means in this field."""
_AGREED = 1.03
"""What a score counts for when two scorers made the order: of the papers shown, more are right."""

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Gives the vectors of lines, of length one: [line, dimension]."""


class Scorer(Protocol):
    """Says how well each candidate fits each subscriber."""

    def score(self, candidates: Candidates, profiles: Sequence[Profile]) -> Scores:
        """Return a row for each profile and a column for each paper."""
        ...


class TfidfScorer:
    """The product of the stored profile with the paper; the default."""

    def score(self, candidates: Candidates, profiles: Sequence[Profile]) -> Scores:
        """Return a row for each profile and a column for each paper."""
        return candidates.score(profiles)


@dataclass(frozen=True, eq=False)
class FusedScorer:
    """TF-IDF and the similarity of dense vectors, fused by reciprocal rank in each typed interest.

    The papers of an interest get the scores that TF-IDF gave them, in the fused order: a score keeps its meaning,
    and the floor lets through as many papers. An interest of marked papers alone is ranked by TF-IDF.
    """

    vectors: NDArray[np.float32]
    """[paper, dimension], of length one; all zero for a paper that has none."""
    encode: Encode

    def score(self, candidates: Candidates, profiles: Sequence[Profile]) -> Scores:
        """Return a row for each profile and a column for each paper."""
        return self.fuse(candidates.score(profiles), profiles)

    def fuse(self, scores: Scores, profiles: Sequence[Profile]) -> Scores:
        """Return these scores of the papers of `vectors` in the order that both scorers make."""
        lines = {
            interest_in_words(interest.name): 0
            for profile in profiles
            for interest in profile.interests
            if interest.name != RATED
        }
        if not lines or not self.vectors.any():
            return scores
        encoded = dict(zip(lines, self.encode(list(lines)), strict=True))
        values = scores.values.copy()
        for row, profile in enumerate(profiles):
            for place, interest in enumerate(profile.interests):
                line = encoded.get(interest_in_words(interest.name))
                own = np.flatnonzero((scores.interests[row] == place) & (values[row] > 0))
                if line is not None and len(own):
                    values[row, own] = self._fused(values[row, own], self.vectors[own], line)
        return Scores(values, scores.interests)

    def _fused(
        self, scores: NDArray[np.float32], vectors: NDArray[np.float32], line: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Give papers their scores in the order that both ranks make together."""
        best = np.argsort(-scores, kind="stable")
        feedback = scores[best[:_FEEDBACK_PAPERS]] @ vectors[best[:_FEEDBACK_PAPERS]]
        length = float(np.linalg.norm(feedback))
        query = line + _FEEDBACK_WEIGHT * feedback / length if length else line
        dense = np.where(vectors.any(axis=1), vectors @ query, -np.inf)
        fused = 1 / (_K + _ranks(scores)) + _DENSE_WEIGHT / (_K + _ranks(dense))
        found = np.empty_like(scores)
        found[np.argsort(-fused, kind="stable")] = np.minimum(1, scores[best] * np.float32(_AGREED))
        return found


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each value, 1 for the highest, equal ones in order of place."""
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks
