"""The dense scorer in the daily run: vectors of new papers are stored once, and candidates are scored with them."""

from collections.abc import Sequence
from datetime import date, timedelta
from threading import Lock

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from digest.delivery.candidates import StoredCandidates
from digest.embedding import EmbeddingModel
from digest.ranking.scorers import FusedScorer
from digest.store import paper_vectors as vector_store
from digest.store.database import Connection, Database

DAYS_BACK = timedelta(days=35)
"""Age of the papers that get a vector: no digest reaches further back."""
_PAGE = 64
_KEPT_LINES = 20_000
"""Vectors of typed lines in the cache, at about two kilobytes each."""


class SecondOpinion:
    """Scores candidates by TF-IDF and by the vectors of an embedding model. May be used by several threads."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self._lines: LRUCache[str, NDArray[np.float32]] = LRUCache(_KEPT_LINES)
        self._using = Lock()

    def store_vectors(self, database: Database, today: date) -> int:
        """Store the vectors of the papers of the last weeks that have none; return how many.

        Each page is a transaction of its own, so that an interrupted run keeps what it did. Vectors of another model
        are deleted.
        """
        with database.begin() as connection:
            vector_store.delete_other_vectors(connection, self._model.name)
        done = 0
        while True:
            with database.read() as connection:
                page = vector_store.papers_without_vector(
                    connection, self._model.name, today - DAYS_BACK, _PAGE
                )
            if not page:
                return done
            vectors = self._model.encode([f"{title}. {abstract}" for _, title, abstract in page])
            with database.begin() as connection:
                row_ids = [row_id for row_id, _, _ in page]
                vector_store.save_vectors(
                    connection, self._model.name, dict(zip(row_ids, vectors, strict=True))
                )
            done += len(page)

    def scorer(self, connection: Connection, stored: StoredCandidates) -> FusedScorer:
        """Return the scorer of these candidates. A paper whose vector is not stored keeps its TF-IDF rank alone."""
        known = vector_store.read_vectors(connection, self._model.name, stored.row_ids)
        size = len(next(iter(known.values()), ()))
        vectors = np.zeros((len(stored.row_ids), size), np.float32)
        for place, row_id in enumerate(stored.row_ids):
            if row_id in known:
                vectors[place] = known[row_id]
        return FusedScorer(vectors, self.encode_lines)

    def encode_lines(self, lines: Sequence[str]) -> NDArray[np.float32]:
        """Return the vector of each line; each is computed once and then cached."""
        with self._using:
            found = {line: self._lines[line] for line in lines if line in self._lines}
        missing = [line for line in dict.fromkeys(lines) if line not in found]
        if missing:
            computed = dict(zip(missing, self._model.encode(missing), strict=True))
            with self._using:
                self._lines.update(computed)
            found |= computed
        return np.stack([found[line] for line in lines])
