"""How one interest is learned: from examples and words to the weights of a few hundred terms.

1. A guess: the mean of the examples (and, while they are few, of the stored papers closest to them;
   for words, of the stored papers that fit them best) minus the mean of the background.
2. Logistic regression of the examples against the background, around that guess, on the terms where
   the guess is largest and, with thirty examples, on the main directions in which papers differ. Of the
   background, the papers nearest to the guess take part one by one; of all others a sample, each weighing
   as much as those it stands for.
3. Directions are folded back into terms, the most important terms are kept, and the regression is run
   again on them alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.ranking.corpus import ReferenceCorpus, fingerprints
from digest.ranking.index import best
from digest.ranking.logistic_regression import Table, fit

Weights = NDArray[np.float32]
_FIRST = 20_000
"""Columns among which the largest weights mostly are."""


@dataclass(frozen=True)
class Tuning:
    """Numbers chosen on reading lists; `digest evaluate --study tuning` shows how they do on unseen ones."""

    candidates: int = 3_000
    """Terms the first regression looks at."""
    prior_variance: float = 30.0
    """How far the regression may leave its guess."""
    prior: float = 1.0
    """Size of the guess from examples: margins it gives the background, in standard deviations."""
    prior_from_words: float = 0.25
    """The same for a guess from words."""
    near: int = 600
    """Background papers nearest to the guess that are all told from the examples."""
    likely: int = 2_000
    """Stored papers that are looked at closely, of all the ones that fit best."""
    neighbours: int = 50
    """Stored papers that join few examples."""
    neighbours_weight: float = 0.6
    """What the neighbours weigh together, beside five examples."""
    pseudo_relevant: int = 40
    """Stored papers that stand for a topic's words."""
    coverage: float = 3.0
    """How fast these count for less, the fewer of the words they hold."""
    words: float = 0.25
    """Weight of the words themselves beside what the papers found with them write."""
    latent_from: int = 30
    """Liked papers from which on directions take part, and neighbours no more."""
    latent_scale: float = 1.0
    """How much further the regression may go along a direction than with a single term."""
    against: float = 0.8
    """Weight of `many` disliked papers together, beside the liked ones."""
    many: int = 20
    """Disliked papers of which each more takes from the others; fewer weigh as much each as of so many."""
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
    rated: int = 0
    """How many of the rows are papers that the subscriber liked."""
    fits: Weights | None = None
    """How well each background paper fits, where that is known already."""


def learn(
    examples: Examples, disliked: csr_matrix, reference: ReferenceCorpus, size: int, tuning: Tuning
) -> tuple[NDArray[np.intp], Weights]:
    """Return (sorted columns, weights) of at most `size` columns.

    The rows of `examples` and `disliked` have the background's columns, and behind them those of terms that
    none of its papers holds.
    """
    prior = _less_the_mean(_mean(examples) + tuning.words * examples.words, reference)
    spread = float((reference.sample @ prior[: reference.width]).std()) if reference.size else 0.0
    wide = tuning.prior_from_words if examples.words.any() else tuning.prior
    prior *= np.float32(wide / spread if spread > 0 else 1.0)
    columns = largest(np.abs(prior), tuning.candidates)
    if not reference.width:
        columns = columns[largest(np.abs(prior[columns]), size)]
        return columns, _levelled(columns, prior[columns], examples, reference, tuning)
    training_set = _TrainingSet.of(examples, disliked, reference, tuning, prior)
    if examples.rated < tuning.latent_from:
        pseudo_relevant = np.zeros(len(prior))
        pseudo_relevant[columns] = training_set.weights(columns, prior)
    else:
        pseudo_relevant = training_set.weights_along(columns, prior, reference, tuning.latent_scale)
        prior = pseudo_relevant.astype(np.float32)
    columns = largest(np.abs(pseudo_relevant), size)
    return columns, _levelled(columns, training_set.weights(columns, prior), examples, reference, tuning)


def largest(values: NDArray[np.floating], limit: int) -> NDArray[np.intp]:
    """Return the sorted places of the `limit` largest values above zero, the first of equal ones."""
    least = 0.0
    if len(values) > _FIRST >= limit:
        # No value is among the largest of all that is less than the last of the largest of some.
        least = float(np.partition(values[:_FIRST], _FIRST - limit)[_FIRST - limit])
    indexes = np.flatnonzero(values >= least if least > 0 else values)
    if len(indexes) <= limit:
        return indexes
    values_found = values[indexes]
    bar = np.partition(values_found, len(values_found) - limit)[len(values_found) - limit]
    above, equal = indexes[values_found > bar], indexes[values_found == bar]
    return np.sort(np.concatenate([above, equal[: limit - len(above)]]))


def with_neighbours(
    examples: Examples, reference: ReferenceCorpus, tuning: Tuning, weight: float
) -> Examples:
    """Let the stored papers closest to the examples join them, with `weight` of theirs in all."""
    if not reference.size:
        return examples
    fits = reference.fit(_less_the_mean(_mean(examples), reference))
    likely = np.sort(best(fits, tuning.likely))
    if not len(likely):
        return examples
    close = _closeness(reference.papers[likely], examples.rows[:, : reference.width])
    most = best(close, tuning.neighbours)
    share = close[most] / close[most].sum() * weight * examples.weights.sum()
    rows = widened(reference.papers[likely[most]], examples.rows.shape[1])
    return replace(
        examples,
        rows=vstack([examples.rows, rows], format="csr"),
        weights=np.concatenate([examples.weights, share]).astype(np.float32),
        fits=fits,
    )


def _closeness(rows: csr_matrix, examples: csr_matrix) -> Weights:
    """Return how close each row is to the examples: the power mean of its products with them, of exponent 1/2.

    Close to several of them counts more than very close to one.
    """
    close: Weights = np.sqrt((rows @ examples.T).toarray()).mean(axis=1) ** 2
    return close


def widened(rows: csr_matrix, width: int) -> csr_matrix:
    """Return the same rows with empty columns behind them."""
    return csr_matrix((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], width))


def _mean(examples: Examples) -> Weights:
    """Return the weighted mean row, dense."""
    rows, total = examples.rows, float(examples.weights.sum())
    if not total:
        return np.zeros(rows.shape[1], np.float32)
    each = np.repeat(examples.weights / total, np.diff(rows.indptr))
    return np.bincount(rows.indices, rows.data * each, rows.shape[1]).astype(np.float32)


def _less_the_mean(row: Weights, reference: ReferenceCorpus) -> Weights:
    row[: reference.width] -= reference.mean
    return row


@dataclass(frozen=True)
class _TrainingSet:
    """Examples on one side, background and disliked papers on the other."""

    sides: tuple[csr_matrix, csr_matrix, csr_matrix]
    negatives: NDArray[np.int64]
    """The rows of the second side in the background."""
    labels: NDArray[np.float64]
    sample_weight: NDArray[np.float64]
    prior_variance: float

    @classmethod
    def of(
        cls,
        examples: Examples,
        disliked: csr_matrix,
        reference: ReferenceCorpus,
        tuning: Tuning,
        prior: Weights,
    ) -> "_TrainingSet":
        indexes, standing_for = _negatives(examples, reference, prior, tuning.near)
        sides = examples.rows, reference.papers[indexes], disliked
        counts = [rows.shape[0] for rows in sides]
        half = sum(counts) / 2
        sample_weight = [
            examples.weights / examples.weights.sum() * half,
            standing_for / standing_for.sum() * half if len(indexes) else standing_for,
            np.full(disliked.shape[0], half * tuning.against / max(tuning.many, disliked.shape[0])),
        ]
        labels = np.repeat([1.0, -1.0, -1.0], counts)
        return cls(
            sides, indexes, labels, np.concatenate(sample_weight).astype(np.float64), tuning.prior_variance
        )

    def weights(self, columns: NDArray[np.intp], prior: Weights) -> NDArray[np.float64]:
        """Return the weights that these columns get by themselves."""
        return self._fit(Table(self._on(columns)), prior[columns].astype(np.float64))

    def weights_along(
        self, columns: NDArray[np.intp], prior: Weights, reference: ReferenceCorpus, latent_scale: float
    ) -> NDArray[np.float64]:
        """Return the weights of all columns, when these and the directions are learned together."""
        latent_space = reference.latent_space
        examples, _, disliked = self.sides
        parts = latent_space.of(examples), reference.latent[self.negatives], latent_space.of(disliked)
        has = np.vstack(parts) * np.float32(latent_scale)
        start = np.concatenate([prior[columns].astype(np.float64), np.zeros(len(latent_space))])
        learned = self._fit(Table(self._on(columns), has), start)
        weights = np.zeros(len(prior))
        weights[columns] = learned[: len(columns)]
        folded = latent_space.folded(latent_scale * learned[len(columns) :])
        weights[: len(folded)] += folded
        return weights

    def _on(self, columns: NDArray[np.intp]) -> csr_matrix:
        return vstack([_only(rows, columns) for rows in self.sides], format="csr")

    def _fit(self, table: Table, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        return fit(table, self.labels, self.sample_weight, self.prior_variance, prior)


def _only(rows: csr_matrix, columns: NDArray[np.intp]) -> csr_matrix:
    """Return these columns of the rows, in order."""
    lookup = np.full(rows.shape[1], -1, np.int32)
    within = columns[: np.searchsorted(columns, rows.shape[1])]
    lookup[within] = np.arange(len(within), dtype=np.int32)
    pseudo_relevant = lookup[rows.indices]
    held = pseudo_relevant >= 0
    edges = np.concatenate([[0], np.cumsum(held)])[rows.indptr]
    shape = rows.shape[0], len(columns)
    return csr_matrix((rows.data[held].astype(np.float64), pseudo_relevant[held], edges), shape=shape)


def _negatives(
    examples: Examples, reference: ReferenceCorpus, prior: Weights, near: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose background papers to tell the examples from, and how many papers each stands for.

    No paper that is an example is among them.
    """
    fits = reference.fit(prior) if examples.fits is None else examples.fits.copy()
    closed = np.isin(reference.prints, fingerprints(examples.rows))
    fits[closed] = -np.inf
    close = np.sort(best(fits, min(near, reference.size // 4)))
    closed[close] = True
    far = reference.sample_rows[~closed[reference.sample_rows]]
    share = (reference.size - len(close)) / max(1, len(far))
    return np.concatenate([close, far]), np.repeat([1.0, share], [len(close), len(far)])


def _levelled(
    columns: NDArray[np.intp],
    weights: NDArray[np.floating],
    examples: Examples,
    reference: ReferenceCorpus,
    tuning: Tuning,
) -> Weights:
    """Scale so that the best fitting half percent of the background scores `tuning.level` on average."""
    dense = np.zeros(examples.rows.shape[1], np.float32)
    dense[columns] = weights
    fits = np.sort(reference.sample @ dense[: reference.width])[::-1]
    if len(fits) < 200:
        fits = np.sort(examples.rows @ dense)[::-1]
        top = float(fits.mean()) / 2 if len(fits) else float(dense @ examples.words)
    else:
        top = float(fits[: round(len(fits) / 200)].mean())
    return (weights * (tuning.level / top if top > 0 else 1.0)).astype(np.float32)
