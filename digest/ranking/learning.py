"""How one interest is learned: from examples and words to the weights of a few hundred terms.

1. A guess: the mean of the examples (and, while they are few, of the stored papers closest to them;
   for words, of the stored papers that fit them best) minus the mean of the background.
2. Logistic regression of the examples against the background, around that guess, on the terms where
   the guess is largest. Of the background, the papers nearest to the guess take part one by one; of
   all others a sample, each weighing as much as those it stands for.
3. The most important terms are kept and the regression is run again on them alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.ranking.background import Background, fingerprints
from digest.ranking.index import best
from digest.ranking.logistic import fit
from digest.ranking.terms import DIMENSIONS

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Tuning:
    """The numbers chosen on the public lists by cross-validation over their sources."""

    candidates: int = 3_000
    """Terms the first regression looks at."""
    strength: float = 30.0
    """How far the regression may leave its guess."""
    guess: float = 1.0
    """Size of the guess from examples: margins it gives the background, in standard deviations."""
    guess_of_words: float = 0.25
    """The same for a guess from words."""
    near: int = 600
    """Background papers nearest to the guess that are all told from the examples."""
    neighbours: int = 50
    """Stored papers that join few examples."""
    neighbours_weight: float = 1.0
    """What the neighbours weigh together, beside five examples."""
    fading: float = 1.5
    """How fast the neighbours lose weight as examples come."""
    found: int = 40
    """Stored papers that stand for a topic's words."""
    words: float = 0.5
    """Weight of the words themselves beside what the papers found with them write."""
    against: float = 0.4
    """Weight of five or more disliked papers together, beside the liked ones."""
    level: float = 0.3
    """Score that the best fitting half percent of the background gets on average."""


DEFAULT = Tuning()


@dataclass(frozen=True)
class Examples:
    """What one interest is learned from: weighed rows and the weight of each."""

    rows: csr_matrix
    weights: Weights
    words: Weights
    """Dense row of the words that were typed, all zero when none were."""
    fits: Weights | None = None
    """How well each background paper fits, where that is known already."""


def learn(
    examples: Examples, disliked: csr_matrix, background: Background, size: int, tuning: Tuning = DEFAULT
) -> tuple[NDArray[np.int32], Weights]:
    """Return (sorted terms, weights) of at most `size` terms."""
    guess = _mean(examples) - background.mean + tuning.words * examples.words
    spread = float((background.sample @ guess).std()) if background.size else 0.0
    wide = tuning.guess_of_words if examples.words.any() else tuning.guess
    guess *= np.float32(wide / spread if spread > 0 else 1.0)
    terms = largest(np.abs(guess), tuning.candidates)
    if background.size:
        trial = _Trial.of(examples, disliked, background, tuning, guess).on(terms)
        kept = largest(np.abs(trial.weights(guess[terms])), size)
        terms = terms[kept]
        weights = trial.on(kept).weights(guess[terms])
    else:
        terms = terms[largest(np.abs(guess[terms]), size)]
        weights = guess[terms].astype(np.float64)
    return terms.astype(np.int32), _levelled(terms, weights, examples, background, tuning)


def largest(values: NDArray[np.floating], limit: int) -> NDArray[np.intp]:
    """Return the sorted places of the `limit` largest values that are not zero."""
    places = np.flatnonzero(values)
    if len(places) <= limit:
        return places
    kept = values[places]
    bar = np.partition(kept, len(kept) - limit)[len(kept) - limit]
    above, equal = places[kept > bar], places[kept == bar]
    return np.sort(np.concatenate([above, equal[: limit - len(above)]]))


def with_neighbours(examples: Examples, background: Background, count: int, weight: float) -> Examples:
    """Let the stored papers closest to the examples join them, with `weight` of theirs in all."""
    if not background.size or weight < 0.02:
        return examples
    towards = _mean(examples) - background.mean
    fit_ = background.papers @ towards
    near = best(fit_, count)
    if not len(near):
        return examples
    share = fit_[near] / fit_[near].sum() * weight * examples.weights.sum()
    return replace(
        examples,
        rows=vstack([examples.rows, background.papers[near]], format="csr"),
        weights=np.concatenate([examples.weights, share]).astype(np.float32),
        fits=fit_,
    )


def _mean(examples: Examples) -> Weights:
    """Return the weighted mean row, dense."""
    rows, total = examples.rows, float(examples.weights.sum())
    if not total:
        return np.zeros(DIMENSIONS, np.float32)
    each = np.repeat(examples.weights / total, np.diff(rows.indptr))
    return np.bincount(rows.indices, rows.data * each, DIMENSIONS).astype(np.float32)


@dataclass(frozen=True)
class _Trial:
    """Examples on one side, background and disliked papers on the other."""

    rows: csr_matrix
    wanted: NDArray[np.float64]
    importance: NDArray[np.float64]
    strength: float

    @classmethod
    def of(
        cls, examples: Examples, disliked: csr_matrix, background: Background, tuning: Tuning, guess: Weights
    ) -> "_Trial":
        places, standing_for = _opponents(examples, background, guess, tuning.near)
        rows = vstack([examples.rows, background.papers[places], disliked], format="csr")
        half = rows.shape[0] / 2
        importance = [
            examples.weights / examples.weights.sum() * half,
            standing_for / standing_for.sum() * half if len(places) else standing_for,
            np.full(disliked.shape[0], half * tuning.against / max(5, disliked.shape[0])),
        ]
        wanted = np.where(np.arange(rows.shape[0]) < examples.rows.shape[0], 1.0, -1.0)
        return cls(rows, wanted, np.concatenate(importance).astype(np.float64), tuning.strength)

    def on(self, columns: NDArray[np.intp]) -> "_Trial":
        """Return the same with these columns alone."""
        lookup = np.full(self.rows.shape[1], -1, np.int32)
        lookup[columns] = np.arange(len(columns), dtype=np.int32)
        found = lookup[self.rows.indices]
        held = found >= 0
        edges = np.concatenate([[0], np.cumsum(held)])[self.rows.indptr]
        part = csr_matrix(
            (self.rows.data[held].astype(np.float64), found[held], edges),
            shape=(self.rows.shape[0], len(columns)),
        )
        return replace(self, rows=part)

    def weights(self, guess: Weights) -> NDArray[np.float64]:
        """Run the regression."""
        return fit(self.rows, self.wanted, self.importance, self.strength, guess.astype(np.float64))


def _opponents(
    examples: Examples, background: Background, guess: Weights, near: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose background papers to tell the examples from, and how many papers each stands for.

    No paper that is an example is among them.
    """
    fit_ = background.papers @ guess if examples.fits is None else examples.fits.copy()
    closed = np.isin(background.prints, fingerprints(examples.rows))
    fit_[closed] = -np.inf
    close = np.sort(best(fit_, min(near, background.size // 4)))
    closed[close] = True
    far = background.sample_rows[~closed[background.sample_rows]]
    share = (background.size - len(close)) / max(1, len(far))
    return np.concatenate([close, far]), np.repeat([1.0, share], [len(close), len(far)])


def _levelled(
    terms: NDArray[np.intp],
    weights: NDArray[np.float64],
    examples: Examples,
    background: Background,
    tuning: Tuning,
) -> Weights:
    """Scale so that the best fitting half percent of the background scores `tuning.level` on average."""
    dense = np.zeros(DIMENSIONS, np.float32)
    dense[terms] = weights
    fits = np.sort(background.sample @ dense)[::-1]
    if len(fits) < 200:
        fits = np.sort(examples.rows @ dense)[::-1]
        top = float(fits.mean()) / 2 if len(fits) else float(dense @ examples.words)
    else:
        top = float(fits[: round(len(fits) / 200)].mean())
    return (weights * (tuning.level / top if top > 0 else 1.0)).astype(np.float32)
