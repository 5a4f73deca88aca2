"""How one interest is trained: from examples and words to the weights of a few hundred terms.

1. A prior mean: the mean of the examples (and, while they are few, of the stored papers closest to them;
   for words, of the stored papers that match them best) minus the mean of the reference corpus.
2. Logistic regression of the examples against the reference corpus, around that prior, on the terms where
   the prior is largest and, with thirty examples, in the latent space. Of the corpus, the papers nearest to
   the prior are negatives one by one; of all others a sample, each with the sample weight of those it stands for.
3. Of an interest that is typed, the prior itself is the larger part of the result and the regression the
   smaller one: papers found by words are no labels. Each marked paper shifts the balance to the regression.
4. The largest weights are kept; without words, the regression is run again on their terms alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.ranking.corpus import ReferenceCorpus, fingerprints
from digest.ranking.index import best
from digest.ranking.logistic_regression import Table, fit
from digest.ranking.sparse_rows import only, widened
from digest.ranking.terms import STEP
from digest.ranking.titles import as_titles

Weights = NDArray[np.float32]
_BEST, _WIDER = 10 / 44_000, 1_000 / 44_000
"""Shares of the stored papers whose lowest scores level those of an interest."""
_FIRST = 20_000
"""Columns among which the largest weights mostly are."""


@dataclass(frozen=True)
class Tuning:
    """Numbers chosen on reading lists; `digest evaluate --study tuning` shows how they do on unseen ones."""

    candidates: int = 3_000
    """Terms the first regression looks at."""
    prior_variance: float = 30.0
    """How far the regression may leave its prior."""
    prior: float = 1.0
    """Size of the prior from examples: margins it gives the reference corpus, in standard deviations."""
    prior_from_words: float = 0.25
    """The same for a prior from words."""
    flattening: float = 0.75
    """Exponent of the weights of a prior from words: less than 1 lets many terms count beside the few largest."""
    trained: float = 0.3
    """Weight of the regression beside the prior, both in standard deviations, while there are only words."""
    marks_equal_words: float = 8.0
    """Marked papers that weigh as much as the papers found by the words of their interest."""
    marks_equal_prior: float = 25.0
    """Marked papers from which on the regression is the larger part of an interest with words."""
    near: int = 600
    """Stored papers nearest to the prior that are all told from the examples."""
    likely: int = 2_000
    """Stored papers that are looked at closely, of all the ones that fit best."""
    neighbours: int = 50
    """Stored papers that join few examples."""
    neighbours_weight: float = 0.6
    """What the neighbours weigh together, beside five examples."""
    pseudo_relevant: int = 100
    """Stored papers that stand for a topic's words."""
    coverage: float = 3.0
    """How fast these count for less, the fewer of the words they hold."""
    leading: int = 5
    """Of the found papers, the best so many weigh the same."""
    falloff: float = 3.0
    """How fast the others weigh less, the worse they match."""
    forms: float = 0.7
    """Weight of other forms of a typed word when papers are looked for, beside the word itself."""
    words: float = 0.25
    """Weight of the words themselves beside what the papers found with them write."""
    few: int = 5
    """Marked papers from which on the terms that one of them alone holds count."""
    latent_from: int = 30
    """Liked papers from which on dimensions of the latent space take part, and neighbours no more."""
    latent_scale: float = 2.0
    """How much further the regression may go along a latent dimension than with a single term."""
    against: float = 0.8
    """Weight of `many` disliked papers together, beside the liked ones."""
    many: int = 20
    """Disliked papers of which each more takes from the others; fewer weigh as much each as of so many."""
    level: float = 0.3
    """Geometric mean of the scores that levelling goes by."""
    level_of_answered: float = 0.29
    """The same for typed words that stored papers answer as a whole."""
    level_of_others: float = 0.32
    """The same for words that are answered in part: what fits a long line best shares less of it."""
    context: float = 0.3
    """Weight of the context of titles beside the regression, both in standard deviations."""
    answered: float = 0.8
    """Share of the words that the leading found papers hold, from which on they answer them as a whole."""


DEFAULT = Tuning()


@dataclass(frozen=True)
class Examples:
    """What one interest is learned from: weighed rows and the weight of each."""

    rows: csr_matrix
    weights: Weights
    words: Weights
    """Dense row of the words that were typed, all zero when none were."""
    rated: int = 0
    """How many of the rows, the first ones, are papers that the subscriber marked."""
    fits: Weights | None = None
    """How well each stored paper fits, where that is known already."""
    level: float | None = None
    """What scores are levelled to; None for the usual level."""
    titles: float = 0.0
    """Share of the weights that is of titles without abstracts."""
    context: Weights | None = None
    """Dense mean of the marked papers, each title together with the stored papers nearest to it; None without titles."""


def learn(
    examples: Examples, disliked: csr_matrix, reference: ReferenceCorpus, size: int, tuning: Tuning
) -> tuple[NDArray[np.intp], Weights]:
    """Return (sorted columns, weights) of at most `size` columns.

    The rows of `examples` and `disliked` have the columns of the reference corpus, and behind them those of terms that
    none of its papers holds.
    """
    prior = _less_the_mean(_mean(examples) + tuning.words * examples.words, reference)
    spread = float((reference.sample @ prior[: reference.width]).std()) if reference.size else 0.0
    wide = tuning.prior_from_words if examples.words.any() else tuning.prior
    prior *= np.float32(wide / spread if spread > 0 else 1.0)
    columns = largest(np.abs(prior), tuning.candidates)
    if not reference.width:
        columns = columns[largest(np.abs(prior[columns]), size)]
        return columns, _levelled(columns, prior[columns], examples, reference, reference.mean, tuning)
    fits = reference.fit(prior) if examples.fits is None else examples.fits
    training_set = _TrainingSet.of(examples, disliked, reference, tuning, fits)
    if examples.rated < tuning.latent_from:
        pseudo_relevant = np.zeros(len(prior))
        pseudo_relevant[columns] = training_set.weights(columns, prior)
    else:
        pseudo_relevant = training_set.weights_along(columns, prior, reference, tuning.latent_scale)
        prior = pseudo_relevant.astype(np.float32)
    if examples.words.any():
        pseudo_relevant = _with_prior(pseudo_relevant, examples, reference, tuning)
    if examples.titles:
        pseudo_relevant = _in_context(pseudo_relevant, examples, reference, tuning)
    if examples.words.any() or examples.titles:
        columns = _kept(pseudo_relevant, reference, size)
        return columns, _levelled(columns, pseudo_relevant[columns], examples, reference, fits, tuning)
    columns = largest(np.abs(pseudo_relevant), size)
    return columns, _levelled(
        columns, training_set.weights(columns, prior), examples, reference, fits, tuning
    )


def _with_prior(
    trained: NDArray[np.float64], examples: Examples, reference: ReferenceCorpus, tuning: Tuning
) -> NDArray[np.float64]:
    """Return the trained weights together with the prior; the more marked papers, the less of the prior."""
    prior = _flattened(_mean(examples), reference, tuning)
    marks = share_of_marks(examples.rated, tuning.marks_equal_prior)
    together: NDArray[np.float64] = (1 - marks) / _deviation(prior, reference) * prior
    together += (tuning.trained * (1 - marks) + marks) / _deviation(trained, reference) * trained
    return together


def _in_context(
    trained: NDArray[np.float64], examples: Examples, reference: ReferenceCorpus, tuning: Tuning
) -> NDArray[np.float64]:
    """Return the weights together with the context of titles; the more titles, the more of the context."""
    assert examples.context is not None
    prior = _flattened(examples.context, reference, tuning)
    share = tuning.context * examples.titles
    together: NDArray[np.float64] = share / _deviation(prior, reference) * prior
    together += (1 - share) / _deviation(trained, reference) * trained
    # A whole paper has many terms that titles lack, and each counts a little against it: the mean paper scores 0 again.
    mean = reference.mean.astype(np.float64)
    together[: reference.width] -= (together[: reference.width] @ mean) / max(float(mean @ mean), STEP) * mean
    return together


def _flattened(mean: Weights, reference: ReferenceCorpus, tuning: Tuning) -> NDArray[np.float64]:
    """Return how a mean row differs from the mean of the reference corpus, on its own terms, many counting alike."""
    columns = np.flatnonzero(mean)
    difference = _less_the_mean(mean.copy(), reference)[columns].astype(np.float64)
    prior = np.zeros(len(mean))
    prior[columns] = np.sign(difference) * np.abs(difference) ** tuning.flattening
    return prior


def share_of_marks(marks: int, equal: float) -> float:
    """Return what some marks weigh beside words: a half when there are `equal` of them.

    It grows with the square of their number: one paper says little of what its subscriber means, and several say it together.
    """
    return marks**2 / (marks**2 + equal**2)


def _deviation(weights: NDArray[np.float64], reference: ReferenceCorpus) -> float:
    """Return the standard deviation of the scores that the sample gets."""
    return float((reference.sample @ weights[: reference.width].astype(np.float32)).std()) or 1.0


def _kept(weights: NDArray[np.float64], reference: ReferenceCorpus, size: int) -> NDArray[np.intp]:
    """Choose the columns to keep: large weights, of terms that are common enough to move scores.

    A typed word that no stored paper holds counts like the rarest one.
    """
    columns = np.flatnonzero(weights)
    reach = reference.reach[np.minimum(columns, reference.width - 1)]
    return columns[largest(np.abs(weights[columns]) * reach, size)]


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
        titles=examples.titles / (1 + weight),
    )


def _closeness(rows: csr_matrix, examples: csr_matrix) -> Weights:
    """Return how close each row is to the examples: the power mean of its products with them, of exponent 1/2.

    Close to several of them counts more than very close to one.
    """
    close: Weights = np.sqrt((rows @ examples.T).toarray()).mean(axis=1) ** 2
    return close


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
    """Examples on one side, stored and disliked papers on the other."""

    sides: tuple[csr_matrix, csr_matrix, csr_matrix]
    negatives: NDArray[np.int64]
    """The rows of the second side in the reference corpus."""
    labels: NDArray[np.float64]
    sample_weight: NDArray[np.float64]
    prior_variance: float
    has_titles: bool
    """Whether some of the second side are titles alone."""

    @classmethod
    def of(
        cls,
        examples: Examples,
        disliked: csr_matrix,
        reference: ReferenceCorpus,
        tuning: Tuning,
        fits: Weights,
    ) -> "_TrainingSet":
        indexes, standing_for = _negatives(examples, reference, fits, tuning.near)
        others = reference.papers[indexes]
        if examples.titles:
            others = as_titles(others, examples.titles, reference)
        sides = examples.rows, others, disliked
        counts = [rows.shape[0] for rows in sides]
        half = sum(counts) / 2
        sample_weight = [
            examples.weights / examples.weights.sum() * half,
            standing_for / standing_for.sum() * half if len(indexes) else standing_for,
            np.full(disliked.shape[0], half * tuning.against / max(tuning.many, disliked.shape[0])),
        ]
        labels = np.repeat([1.0, -1.0, -1.0], counts)
        weights = np.concatenate(sample_weight).astype(np.float64)
        return cls(sides, indexes, labels, weights, tuning.prior_variance, examples.titles > 0)

    def weights(self, columns: NDArray[np.intp], prior: Weights) -> NDArray[np.float64]:
        """Return the weights that these columns get by themselves."""
        return self._fit(Table(self._on(columns)), prior[columns].astype(np.float64))

    def weights_along(
        self, columns: NDArray[np.intp], prior: Weights, reference: ReferenceCorpus, latent_scale: float
    ) -> NDArray[np.float64]:
        """Return the weights of all columns, when these and the latent dimensions are learned together."""
        latent_space = reference.latent_space
        examples, others, disliked = self.sides
        of_others = latent_space.of(others) if self.has_titles else reference.latent[self.negatives]
        parts = latent_space.of(examples), of_others, latent_space.of(disliked)
        has = np.vstack(parts) * np.float32(latent_scale)
        start = np.concatenate([prior[columns].astype(np.float64), np.zeros(len(latent_space))])
        learned = self._fit(Table(self._on(columns), has), start)
        weights = np.zeros(len(prior))
        weights[columns] = learned[: len(columns)]
        folded = latent_space.folded(latent_scale * learned[len(columns) :])
        weights[: len(folded)] += folded
        return weights

    def _on(self, columns: NDArray[np.intp]) -> csr_matrix:
        return vstack([only(rows, columns) for rows in self.sides], format="csr")

    def _fit(self, table: Table, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        return fit(table, self.labels, self.sample_weight, self.prior_variance, prior)


def _negatives(
    examples: Examples, reference: ReferenceCorpus, fits: Weights, near: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose stored papers to tell the examples from, and how many papers each stands for.

    No paper that is an example is among them.
    """
    fits = fits.copy()
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
    fits: Weights,
    tuning: Tuning,
) -> Weights:
    """Scale weights so that equal scores of different interests say much the same of a paper.

    The measure is the geometric mean of two scores: of the best stored papers, and of those on the wider theme.
    `fits` are scores of the stored papers that tell where the best ones are; marked papers, which always score high,
    are left out.
    """
    dense = np.zeros(examples.rows.shape[1], np.float32)
    dense[columns] = weights
    likely = np.sort(best(fits, tuning.likely))
    own = fingerprints(examples.rows[: examples.rated])
    likely = likely[~np.isin(reference.prints[likely], own)]
    closest = reference.papers[likely] @ dense[: reference.width]
    wider = reference.sample @ dense[: reference.width]
    scale = (_highest(closest, reference.size, _BEST) * _highest(wider, len(wider), _WIDER)) ** 0.5
    if not scale:
        scale = float((examples.rows @ dense).max(initial=0.0)) or float(dense @ examples.words)
    level = tuning.level if examples.level is None else examples.level
    return (weights * (level / scale if scale > 0 else 1.0)).astype(np.float32)


def _highest(scores: Weights, papers: int, share: float) -> float:
    """Return the score that this share of so many papers reach; 0 when there are too few papers to say."""
    index = round(papers * share)
    if not index or index > len(scores):
        return 0.0
    return max(0.0, float(np.partition(scores, len(scores) - index)[len(scores) - index]))
