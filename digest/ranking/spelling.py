"""Stored terms back to words: a profile holds hashes, and somebody wrote what they stand for."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.index import best
from digest.ranking.terms import occurrences

_READABLE = re.compile(r"[\w\s'\u2019&+./-]+")


def rows_with_terms(
    reference: ReferenceCorpus, weights_by_interest: Sequence[Mapping[int, float]], most: int
) -> list[int]:
    """Return the rows of stored papers in which the terms of each interest are best looked up, the best first.

    `terms_to_spell` has terms and their weights, one mapping an interest. For each these are the `most` papers that
    it fits best, by these terms alone; then one more paper for every term that stands in none of those.
    """
    papers = reference.papers
    columns = np.unique(reference.indexes[[term for weights in weights_by_interest for term in weights]])
    columns = columns[columns >= 0]
    if not len(columns):
        return []
    is_wanted = np.zeros(reference.width, bool)
    is_wanted[columns] = True
    indexes = np.flatnonzero(is_wanted[papers.indices])
    held = papers.indices[indexes]
    rows = np.searchsorted(papers.indptr, indexes, side="right") - 1
    found: dict[int, None] = {}
    for weights in weights_by_interest:
        weight = np.zeros(reference.width + 1, np.float32)  # the last is of terms that no paper holds
        weight[reference.indexes[list(weights)]] = list(weights.values())
        weight[-1] = 0
        fit = np.bincount(rows, weight[held] * papers.data[indexes], papers.shape[0])
        found.update(dict.fromkeys(best(fit.astype(np.float32), most).tolist()))
    missing = np.setdiff1d(columns, held[np.isin(rows, list(found))])
    for column in missing.tolist():
        entries = np.flatnonzero(held == column)
        found[int(rows[entries[papers.data[indexes[entries]].argmax()]])] = None
    return list(found)


def spell_terms(terms_to_spell: Collection[int], texts: Iterable[tuple[str, str]]) -> dict[int, str]:
    """Write the terms as these (title, abstract) pairs do most often; a term that is in none is left out.

    Of spellings that differ in capitals alone, the one with the fewest: titles write every word with one.
    """
    terms = np.array(sorted(terms_to_spell), np.int32)
    seen: dict[int, Counter[str]] = {}
    for title, abstract in texts:
        found = occurrences(title, abstract)
        for spans in (found.words, found.pairs):
            for term, start, end in spans[np.isin(spans[:, 0], terms), :3].tolist():
                written = " ".join(found.text[start:end].split())
                seen.setdefault(term, Counter())[written] += 1
    return {term: _usual(spellings) for term, spellings in seen.items()}


def _usual(spellings: Counter[str]) -> str:
    alike: Counter[str] = Counter()
    for written, times in spellings.items():
        alike[written.casefold()] += times

    def rank(written: str) -> tuple[bool, int, int, str]:
        capitals = sum(map(str.isupper, written))
        return not _READABLE.fullmatch(written), -alike[written.casefold()], capitals, written

    return min(spellings, key=rank)
