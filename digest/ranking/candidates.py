"""The papers of one edition, prepared once for all its subscribers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.domain.categories import field_of, is_within
from digest.domain.paper import Paper
from digest.ranking.duplicates import duplicate_groups
from digest.ranking.explain import Row
from digest.ranking.matching import (
    alternatives,
    author_names,
    author_orcids,
    folded,
    is_by_initials,
    name_parts,
    same_author,
)
from digest.ranking.naming import Naming
from digest.ranking.profile import Profile
from digest.ranking.scoring import Scores, score
from digest.ranking.terms import Statistics
from digest.ranking.trending import NEWNESS, trend_order


@dataclass(frozen=True, slots=True)
class AuthorMatch:
    """A paper by an author that a subscriber follows."""

    index: int
    """Its place among the candidates."""
    name: str
    """The author as the paper prints the name."""
    by_initials: bool
    """Whether no given name is written out in both names, so that it may be another person."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Papers of one window with all that choosing needs. Rows of every array are places in `papers`."""

    papers: tuple[Paper, ...]
    rows: dict[int, csr_matrix]
    """Weighed rows by statistics version."""
    statistics: dict[int, Statistics]
    """The document frequencies of each of these versions."""
    trending: NDArray[np.float32]
    groups: NDArray[np.int32]
    """Near-duplicates and parts of a series share a number."""
    indexes: dict[str, int]
    withdrawn: NDArray[np.bool_]
    by_trend: list[int]
    """Places, the most trending first."""
    fields: list[str]
    """The archive or source of each paper's primary category, "" without one."""
    voted_fields: frozenset[str]
    """Those in which a paper trends."""
    orcids: Mapping[int, Sequence[tuple[str, str]]]
    """Names and ORCID iDs of the authors of a paper whose source gives them, by place."""
    _masks: dict[object, NDArray[np.bool_]] = field(default_factory=dict)
    _follows: dict[str, tuple[AuthorMatch, ...]] = field(default_factory=dict)
    _namings: dict[tuple[int, int], Naming] = field(default_factory=dict)
    _similarity: dict[int, NDArray[np.float16]] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        papers: Sequence[Paper],
        counts: csr_matrix,
        statistics: Iterable[Statistics],
        trending: NDArray[np.float32],
        orcids: Mapping[int, Sequence[tuple[str, str]]] | None = None,
    ) -> Self:
        """Prepare papers, their raw counts and trending scores (same order) for profiles of these versions.

        `orcids` has names and ORCID iDs of authors by the place of the paper.
        """
        versions = {version.version: version for version in statistics}
        rows = {number: version.weigh(counts) for number, version in versions.items()}
        some = next(iter(rows.values()), csr_matrix(counts.shape, dtype=np.float32))
        fields = [field_of(paper.categories[0]) if paper.categories else "" for paper in papers]
        return cls(
            tuple(papers),
            rows,
            versions,
            trending.astype(np.float32),
            duplicate_groups([paper.title for paper in papers], some),
            {paper.id: index for index, paper in enumerate(papers)},
            np.array([paper.withdrawn for paper in papers], bool),
            trend_order(fields, trending),
            fields,
            frozenset(fields[index] for index in np.flatnonzero(trending > NEWNESS)),
            orcids or {},
        )

    # The next three are made when the first subscriber asks for a word or an author.

    @cached_property
    def _texts(self) -> list[str]:
        return [folded(paper.title) + "." + folded(paper.abstract) for paper in self.papers]

    @cached_property
    def _authors(self) -> dict[str, list[tuple[int, tuple[str, ...], str]]]:
        authors: dict[str, list[tuple[int, tuple[str, ...], str]]] = {}
        for index, paper in enumerate(self.papers):
            for author in paper.authors:
                parts = name_parts(author)
                if parts:
                    authors.setdefault(parts[-1], []).append((index, parts, author))
        return authors

    @cached_property
    def _identified(self) -> dict[str, dict[int, str]]:
        """The authors by ORCID iD and place, each as the paper prints the name."""
        found: dict[str, dict[int, str]] = {}
        for index, pairs in self.orcids.items():
            for name, orcid in pairs:
                found.setdefault(orcid, {})[index] = _as_printed(name, self.papers[index].authors)
        return found

    def row(self, version: int, index: int) -> Row:
        """Return a paper's weighed row in one version of the statistics."""
        rows = self.rows[version]
        start, end = rows.indptr[index], rows.indptr[index + 1]
        return rows.indices[start:end], rows.data[start:end]

    def similarity(self, index: int) -> NDArray[np.float16]:
        """Return the cosine of a paper with every paper; worked out once per paper, as many get the same picks."""
        known = self._similarity.get(index)
        if known is None:
            rows = next(iter(self.rows.values()), csr_matrix((len(self.papers), 1), dtype=np.float32))
            one = np.zeros(rows.shape[1], np.float32)
            start, end = rows.indptr[index], rows.indptr[index + 1]
            one[rows.indices[start:end]] = rows.data[start:end]
            known = self._similarity[index] = (rows @ one).astype(np.float16)
        return known

    def naming(self, version: int, index: int) -> Naming:
        """How the terms of a paper can be named in one version of the statistics; worked out once per paper."""
        known = self._namings.get((version, index))
        if known is None:
            paper = self.papers[index]
            known = self._namings[version, index] = Naming(
                paper.title, paper.abstract, self.statistics[version]
            )
        return known

    def score(self, profiles: Sequence[Profile]) -> Scores:
        """Score subscribers whose profiles may name different versions of the statistics.

        Raises ValueError when a profile names a version that these candidates were not built with.
        """
        versions = {profile.statistics_version for profile in profiles if profile.interests}
        if missing := versions - set(self.rows):
            raise ValueError(f"the candidates lack statistics version {min(missing)}: build it with that too")
        if len(versions) == 1:
            return score(profiles, self.rows[versions.pop()])
        values = np.zeros((len(profiles), len(self.papers)), np.float32)
        winners = np.full(values.shape, -1, np.int8)
        of_profile = np.array([profile.statistics_version for profile in profiles], np.int64)
        for version in sorted(versions):
            indexes = np.flatnonzero(of_profile == version)
            part = score([profiles[index] for index in indexes.tolist()], self.rows[version])
            values[indexes], winners[indexes] = part.values, part.interests
        return Scores(values, winners)

    def holding(self, word: str) -> NDArray[np.bool_] | None:
        """Mask the papers whose title or abstract hold a word or phrase, or any of `a|b`.

        None when there is nothing in `word` to look for. Worked out once per word.
        """
        phrases = alternatives(word)
        if not phrases:
            return None
        mask = self._masks.get(phrases)
        if mask is None:
            mask = np.array([any(phrase in text for phrase in phrases) for text in self._texts], bool)
            self._masks[phrases] = mask
        return mask

    def within(self, category: str) -> NDArray[np.bool_]:
        """Mask the papers listed in a category (`cs.CV`) or a whole archive or source (`cs`), cross-lists included."""
        key = ("category", category)
        mask = self._masks.get(key)
        if mask is None:
            mask = np.array(
                [any(is_within(one, category) for one in paper.categories) for paper in self.papers], bool
            )
            self._masks[key] = mask
        return mask

    def allowed(
        self, must: tuple[str, ...], mute: tuple[str, ...], categories: tuple[str, ...]
    ) -> NDArray[np.bool_]:
        """Mask what these rules let through, withdrawn papers never. Do not write into the mask."""
        key = (must, mute, categories)
        mask = self._masks.get(key)
        if mask is None:
            mask = ~self.withdrawn
            for word in must:
                held = self.holding(word)
                mask = mask if held is None else mask & held
            for word in mute:
                held = self.holding(word)
                mask = mask if held is None else mask & ~held
            if categories:
                mask = mask & np.logical_or.reduce([self.within(category) for category in categories])
            self._masks[key] = mask
        return mask

    def by_author(self, author: str) -> tuple[AuthorMatch, ...]:
        """Return the papers by a followed author, each once.

        Initials and accents fold, and `a|b` are two names of one person. An ORCID iD among the names matches the
        authors that carry it. The names beside it match only authors without an iD: those with another iD are
        other people.
        """
        found = self._follows.get(author)
        if found is None:
            matches: dict[int, AuthorMatch] = {}
            orcids = author_orcids(author)
            for orcid in orcids:
                for index, name in self._identified.get(orcid, {}).items():
                    matches[index] = AuthorMatch(index, name, by_initials=False)
            for parts in author_names(author):
                for index, other, name in self._authors.get(parts[-1], []):
                    if same_author(parts, other) and not (orcids and self._has_orcid(index, name)):
                        match = AuthorMatch(index, name, is_by_initials(parts, other))
                        matches[index] = min(
                            matches.get(index, match), match, key=lambda one: one.by_initials
                        )
            found = tuple(matches.values())
            self._follows[author] = found
        return found

    def _has_orcid(self, index: int, name: str) -> bool:
        """Return whether an author of a paper carries an ORCID iD."""
        authors = self.papers[index].authors
        return any(_as_printed(one, authors) == name for one, _ in self.orcids.get(index, ()))


def _as_printed(name: str, authors: Sequence[str]) -> str:
    """Return the author whom a source names like this as the paper prints the name; the name itself if there is none."""
    if name in authors:
        return name
    parts = name_parts(name)
    return next((author for author in authors if same_author(parts, name_parts(author))), name)
