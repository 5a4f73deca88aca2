"""What a subscriber told, sorted into interests: one per topic or group of liked papers that stand apart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from digest.domain.reason_line import RATED
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.index import best
from digest.ranking.queries import joined_by_and, listed, subject, word_buckets, word_forms, words_of
from digest.ranking.sparse_rows import widened
from digest.ranking.terms import STEP, count_terms
from digest.ranking.titles import are_titles, with_context
from digest.ranking.training import Examples, Tuning, learn, share_of_marks, with_neighbours

Learned = tuple[str, NDArray[np.int32], NDArray[np.float32]]
Named = tuple[str, Examples]
Forms = dict[int, NDArray[np.int32]]

_LEAST_WORDS = 2
"""Words that each side of an *and* has when the line is split there."""
_LEAST_HOLDERS = 20
"""Stored papers that hold all words of each side."""
_MOST_SHARED = 0.1
"""Share of these papers that may hold the words of the other side, too."""
_LEAST_SHARE_OF_FORM = 1 / 220
"""Share of the stored papers that hold another form of a typed word for it to count."""
_APART = 0.35
"""Two groups are interests of their own when papers across are this little alike, beside those within."""
_SAME_INTEREST = 0.3
"""A topic joins a group of liked papers when papers across are this much alike, beside those within."""
_AKIN_OF_FEW = 0.1
"""The same for a few liked papers, which are no group of their own."""
_LEAST_SHARED = 8
"""Of a few marked papers and their neighbours, how many must hold a term for it to count."""
_SMALLEST = 8
"""Papers a group of its own must have."""
_ENOUGH_TO_SHARE = 100
"""Stored papers from which on a term that no neighbour shares is taken for a name that one paper made up."""
_LOOKED_AT = 200
"""Newest liked papers that are sorted; older ones follow the group they are closest to."""


def learn_interests(
    topics: Sequence[str],
    liked: csr_matrix,
    disliked: csr_matrix,
    reference: ReferenceCorpus,
    terms_for: Callable[[int], int],
    most: int,
    tuning: Tuning,
) -> list[Learned]:
    """Return (name, terms, weights) of each interest, at most `most` of them, topics first."""
    weigh = reference.statistics.weigh
    words = {
        topic: row
        for topic in _separate(topics, reference, most)
        if (row := weigh(count_terms([("", subject(topic))]))).nnz
    }
    terms, rows = _placed([*words.values(), weigh(liked), weigh(disliked)], reference)
    *typed, liked_rows, disliked_rows = rows
    topical = [
        (
            topic,
            _pseudo_relevant(row, _single(topic, terms, row), _forms(topic, reference), reference, tuning),
        )
        for topic, row in zip(words, typed, strict=True)
    ]
    groups = list(_of_papers(liked_rows, are_titles(liked), reference, tuning))
    named = _joined(topical, groups, reference, tuning)[:most]
    size = terms_for(max(1, len(named)))
    found = []
    for name, examples in named:
        columns, weights = learn(examples, disliked_rows, reference, size, tuning)
        if words and name == RATED:
            # Beside what was typed, a few marks that fit none of it are weak evidence of another interest.
            weights *= np.float32(examples.rated / (examples.rated + tuning.marks_equal_words))
        found.append((name, terms[columns], weights))
    return found


def _separate(topics: Sequence[str], reference: ReferenceCorpus, most: int) -> list[str]:
    """Split lines that list several interests, for as long as there are no more than `most`."""
    lines = list(dict.fromkeys(topics))
    for at in range(len(lines) - 1, -1, -1):
        parts = [piece for part in listed(lines[at]) for piece in _apart(part, reference)]
        if len(lines) + len(parts) - 1 <= most:
            lines[at : at + 1] = parts
    return list(dict.fromkeys(lines))


def _apart(part: str, reference: ReferenceCorpus) -> list[str]:
    """Split at *and* where stored papers write about each side and hardly any about both."""
    pieces = joined_by_and(part)
    if len(pieces) == 1:
        return pieces
    columns = [reference.indexes[word_buckets(subject(piece))] for piece in pieces]
    if any(len(held) < _LEAST_WORDS or (held < 0).any() for held in columns):
        return [part]
    rows_with_terms = [_holders(held, reference) for held in columns]
    fewest = min(len(rows) for rows in rows_with_terms)
    both = len(reduce(np.intersect1d, rows_with_terms))
    return pieces if fewest >= _LEAST_HOLDERS and both <= _MOST_SHARED * fewest else [part]


def _holders(columns: NDArray[np.int32], reference: ReferenceCorpus) -> NDArray[np.intp]:
    """Return the rows of the stored papers that hold all of some columns."""
    held = np.zeros(reference.size, np.int32)
    for column in columns.tolist():
        held += reference.holds(column)
    return np.flatnonzero(held == len(columns))


def _single(topic: str, terms: NDArray[np.int32], row: csr_matrix) -> NDArray[np.float32]:
    """Return the dense row of the single words of a topic."""
    dense = np.zeros(len(terms), np.float32)
    held = np.isin(terms[row.indices], word_buckets(subject(topic)))
    dense[row.indices[held]] = row.data[held]
    return dense


def _forms(topic: str, reference: ReferenceCorpus) -> Forms:
    """Return the columns of other forms of the words of a topic, by the column of the word.

    Only common forms count: a rare bucket is as often another word that fell into it by accident.
    """
    least = _LEAST_SHARE_OF_FORM * reference.size
    found: Forms = {}
    for word in words_of(subject(topic)):
        column = int(reference.indexes[word_buckets(word)[0]])
        buckets = [word_buckets(form) for form in word_forms(word)]
        common = [
            int(one[0])
            for one in buckets
            if len(one) == 1 and reference.statistics.frequencies[one[0]] >= least
        ]
        columns = reference.indexes[common]
        if column >= 0 and (columns >= 0).any():
            found[column] = np.unique(columns[columns >= 0])
    return found


def _placed(
    told: Sequence[csr_matrix], reference: ReferenceCorpus
) -> tuple[NDArray[np.int32], list[csr_matrix]]:
    """Put rows of buckets into the columns of the reference corpus; return the bucket of each column and the rows.

    Terms that no paper of the reference corpus holds get columns of their own behind the others.
    """
    held = reference.indexes
    others = np.unique(np.concatenate([rows.indices[held[rows.indices] < 0] for rows in told]))
    terms = np.concatenate([reference.terms, others]).astype(np.int32)
    placed = []
    for rows in told:
        indexes = held[rows.indices]
        missing = indexes < 0
        indexes[missing] = reference.width + np.searchsorted(others, rows.indices[missing])
        placed.append(csr_matrix((rows.data, indexes, rows.indptr), shape=(rows.shape[0], len(terms))))
    return terms, placed


def _pseudo_relevant(
    row: csr_matrix,
    words: NDArray[np.float32],
    forms: Forms,
    reference: ReferenceCorpus,
    tuning: Tuning,
) -> Examples:
    """Let the stored papers that hold the most of the words stand for them (pseudo-relevance feedback).

    `row` has words and pairs, `words` the single words alone, `forms` other forms of these. How many of the words
    counts, not how often: a paper full of "neural networks" says little about "graph neural networks for molecules".
    The few best papers weigh the same, so that one odd paper does not stand for the whole line.
    """
    width = row.shape[1]
    typed = np.zeros(width, np.float32)
    typed[row.indices] = row.data
    asked = typed.copy()
    for column, columns in forms.items():
        asked[columns] = np.maximum(asked[columns], tuning.forms * typed[column])
    fits = reference.fit(asked)
    likely = np.sort(best(fits, tuning.likely))
    if not len(likely):
        return Examples(row, np.ones(1, np.float32), typed)
    held = _held(reference.papers[likely], words, forms)
    match = fits[likely] * held**tuning.coverage
    most = best(match, tuning.pseudo_relevant)
    if not len(most):
        return Examples(row, np.ones(1, np.float32), typed)
    leading = most[min(tuning.leading, len(most)) - 1]
    weights = np.minimum(1, match[most] / match[leading]) ** tuning.falloff
    rows = widened(reference.papers[likely[most]], width)
    level = tuning.level_of_answered if held[leading] >= tuning.answered else tuning.level_of_others
    return Examples(rows, weights / weights.sum(), typed, fits=fits, level=level)


def _held(rows: csr_matrix, words: NDArray[np.float32], forms: Forms) -> NDArray[np.float32]:
    """Return the share of the words that each row holds in some form, rare words counting more."""
    columns = np.flatnonzero(words[: rows.shape[1]])
    word_of = np.full(rows.shape[1], -1, np.int32)
    for index, column in enumerate(columns.tolist()):
        word_of[forms.get(column, columns[:0])] = index
    word_of[columns] = np.arange(len(columns))
    word = word_of[rows.indices]
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    cells = row[word >= 0] * len(columns) + word[word >= 0]
    is_held = np.bincount(cells, minlength=rows.shape[0] * len(columns)) > 0
    weights = words[columns] / max(words.sum(), STEP)
    share: NDArray[np.float32] = is_held.reshape(rows.shape[0], len(columns)) @ weights
    return share


def _of_papers(
    liked: csr_matrix, is_title: NDArray[np.bool_], reference: ReferenceCorpus, tuning: Tuning
) -> Iterator[Examples]:
    nothing = np.zeros(liked.shape[1], np.float32)
    in_context = with_context(liked, is_title, reference) if is_title.any() else liked
    for members in grouped(in_context, reference.mean):
        count = len(members)
        examples = Examples(liked[members], np.full(count, 1 / count, np.float32), nothing, count)
        if is_title[members].any():
            context = np.asarray(in_context[members].mean(axis=0), np.float32).ravel()
            examples = replace(examples, titles=float(is_title[members].mean()), context=context)
        if count < tuning.latent_from:
            examples = with_neighbours(examples, reference, tuning, tuning.neighbours_weight * 5 / count)
            if count < tuning.few and reference.size >= _ENOUGH_TO_SHARE:
                examples = replace(examples, rows=_shared_terms(examples.rows))
        yield examples


def _shared_terms(rows: csr_matrix) -> csr_matrix:
    """Return the rows without the terms that hardly any of them holds: a name that one paper made up teaches nothing."""
    held = np.bincount(rows.indices, minlength=rows.shape[1])
    kept = rows.copy()
    kept.data[held[kept.indices] < min(_LEAST_SHARED, rows.shape[0])] = 0
    kept.eliminate_zeros()
    return kept if kept.nnz else rows


def _joined(
    topics: list[Named], groups: list[Examples], reference: ReferenceCorpus, tuning: Tuning
) -> list[Named]:
    """Let each group of marked papers join the topic it is most akin to; the others stand alone."""
    merged = dict(topics)
    alone: list[Named] = []
    for group in groups:
        # A topic that no stored paper matches is a bare line of words: likeness to it says nothing.
        akin = {
            name: similarity(topic.rows, group.rows, reference.mean)
            for name, topic in merged.items()
            if topic.fits is not None
        }
        nearest = max(akin, key=akin.__getitem__, default=None)
        if nearest is not None and akin[nearest] >= (
            _SAME_INTEREST if group.rated >= _SMALLEST else _AKIN_OF_FEW
        ):
            merged[nearest] = _together(merged[nearest], group, tuning)
        else:
            alone.append((RATED, group))
    return [*merged.items(), *alone]


def _together(topic: Examples, group: Examples, tuning: Tuning) -> Examples:
    """Let the marked papers count beside those found by words, the more the more of them there are."""
    marks = share_of_marks(group.rated, tuning.marks_equal_words)
    return replace(
        topic,
        rows=vstack([group.rows, topic.rows], format="csr"),
        weights=np.concatenate(
            [group.weights / group.weights.sum() * marks, topic.weights / topic.weights.sum() * (1 - marks)]
        ),
        rated=topic.rated + group.rated,
        titles=group.titles * marks,
        context=group.context,
    )


def grouped(rows: csr_matrix, mean: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Split papers into groups that have little in common; most subscribers' papers are one group.

    `mean` is the mean row of the reference corpus: what all papers have in common does not count.
    """
    if not rows.shape[0]:
        return []
    start = max(0, rows.shape[0] - _LOOKED_AT)
    groups = _split(_similarities(rows[start:], mean), np.arange(rows.shape[0] - start))
    if len(groups) > 1 and start:
        older = rows[:start] @ vstack([csr_matrix(rows[start + g].mean(axis=0)) for g in groups]).T.toarray()
        nearest = older.argmax(axis=1)
        return [
            np.concatenate([np.flatnonzero(nearest == index), start + group])
            for index, group in enumerate(groups)
        ]
    return [np.arange(rows.shape[0])] if len(groups) == 1 else groups


def _similarities(rows: csr_matrix, mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the products of rows less the mean; zero on the diagonal."""
    padded = np.zeros(rows.shape[1], np.float32)
    padded[: len(mean)] = mean
    common = (rows @ padded).astype(np.float64)
    products: NDArray[np.float64] = (rows @ rows.T).toarray().astype(np.float64)
    products += float(mean @ mean) - common[:, None] - common[None]
    np.fill_diagonal(products, 0)
    return products


def _split(products: NDArray[np.float64], members: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Part the members in two for as long as the parts stand apart."""
    if len(members) < 2 * _SMALLEST:
        return [members]
    part = products[np.ix_(members, members)]
    inside = _halved(part)
    smaller = min(inside.sum(), (~inside).sum())
    if smaller < max(_SMALLEST, len(members) / 20) or _similarity(part, inside) >= _APART:
        return [members]
    return [*_split(products, members[inside]), *_split(products, members[~inside])]


def _halved(products: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Part papers along their main direction, then move each to the side it is more like."""
    centred = products - products.mean(axis=0) - products.mean(axis=1)[:, None] + products.mean()
    main = np.linalg.eigh(centred)[1][:, -1]
    inside: NDArray[np.bool_] = main * np.sign(main[np.abs(main).argmax()]) > 0
    for _ in range(10):
        count = int(inside.sum())
        if count in {0, len(inside)}:
            break
        here = products[:, inside].sum(axis=1) / np.maximum(1, count - inside)
        there = products[:, ~inside].sum(axis=1) / np.maximum(1, len(inside) - count - ~inside)
        moved = here > there
        if (moved == inside).all():
            break
        inside = moved
    return inside


def similarity(one: csr_matrix, other: csr_matrix, mean: NDArray[np.float32]) -> float:
    """Return how alike papers of two groups are, beside papers within each: about 1 when there is no border."""
    both = vstack([one, other], format="csr")
    return _similarity(_similarities(both, mean), np.arange(both.shape[0]) < one.shape[0])


def _similarity(products: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    one, other = products[np.ix_(inside, inside)], products[np.ix_(~inside, ~inside)]
    across = float(products[np.ix_(inside, ~inside)].mean())
    within = _within(one) * _within(other)
    return across / within**0.5 if within > 0 else 1.0


def _within(products: NDArray[np.float64]) -> float:
    """Return the mean product of two papers of a group; one paper alone counts as a typical group."""
    count = len(products)
    return max(0.0, float(products.sum()) / (count * (count - 1))) if count > 1 else 0.1
