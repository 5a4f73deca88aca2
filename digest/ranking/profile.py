"""What a subscriber follows, as stored: one sparse vector of weights per interest, 4 kB in all.

Weights are small whole numbers times a power of two. With the papers' weights of the same kind
(`terms.STEP`) every score is exact, so the stored profile gives the same number on every worker.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import ThreadpoolController

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.interests import learn_interests
from digest.ranking.terms import pack_buckets, unpack_buckets
from digest.ranking.training import DEFAULT, Tuning

LIMIT = 4096
"""Bytes a stored profile may take."""

MOST_INTERESTS = 6

_FORMAT = 1

_HEAD = struct.Struct("<BBI")  # format, interests, statistics version

_INTEREST = struct.Struct("<Bb")  # bytes of the name, exponent of the step

_GROUPS_BYTES = 32

_NAME_BYTES = 96

_ELLIPSIS = "…"
_LARGEST = 127


@dataclass(frozen=True, eq=False)
class Interest:
    """One direction in the term space; a paper's score is its product with the paper's row."""

    name: str
    """What the subscriber calls it, or the terms it is about; at most 96 bytes of UTF-8."""
    terms: NDArray[np.int32]
    """Sorted buckets."""
    weights: NDArray[np.float32]
    """Of each bucket; whole multiples, up to 127, of one power of two."""

    @classmethod
    def rounded(cls, name: str, terms: NDArray[np.int32], weights: NDArray[np.float32]) -> Self:
        """Make an interest of any weights by rounding them to what is stored."""
        if not len(terms) or not np.abs(weights).max():
            return cls(_shortened(name), np.zeros(0, np.int32), np.zeros(0, np.float32))
        step = np.float32(2.0) ** _exponent(float(np.abs(weights).max()))
        steps = np.rint(weights / step)
        is_nonzero = steps != 0
        order = np.argsort(terms[is_nonzero], kind="stable")
        return cls(
            _shortened(name),
            terms[is_nonzero][order].astype(np.int32),
            (steps[is_nonzero][order] * step).astype(np.float32),
        )


def _exponent(largest: float) -> int:
    """Return the smallest power of two that keeps `largest` within 127 steps."""
    exponent = -100
    while largest > _LARGEST * 2.0**exponent:
        exponent += 1
    return exponent


def _shortened(name: str) -> str:
    """Return a name, or as many of its words as fit and an ellipsis."""
    name = name.strip()
    if len(name.encode()) <= _NAME_BYTES:
        return name
    fitting = name.encode()[: _NAME_BYTES - len(_ELLIPSIS.encode())].decode(errors="ignore")
    return (fitting.rpartition(" ")[0] or fitting).strip() + _ELLIPSIS


@dataclass(frozen=True, eq=False)
class Profile:
    """The interests of one subscriber, in the space of one version of the statistics."""

    statistics_version: int
    interests: tuple[Interest, ...]
    """Empty for a subscriber who has told nothing yet."""

    def to_bytes(self) -> bytes:
        """Pack into at most `LIMIT` bytes; `from_bytes` returns the same numbers."""
        parts = [_HEAD.pack(_FORMAT, len(self.interests), self.statistics_version)]
        for interest in self.interests:
            name = interest.name.encode()
            largest = float(np.abs(interest.weights).max()) if len(interest.weights) else 1.0
            exponent = _exponent(largest)
            steps = (interest.weights * np.float32(2.0**-exponent)).astype(np.int8)
            head, lows = pack_buckets(interest.terms)
            parts += [_INTEREST.pack(len(name), exponent), name, head, lows, steps.tobytes()]
        blob = b"".join(parts)
        if len(blob) > LIMIT:
            raise ValueError(f"a profile of {len(blob)} bytes is over the limit of {LIMIT}")
        return blob

    @classmethod
    def from_bytes(cls, blob: bytes) -> Self:
        """Rebuild what `to_bytes` gave. Raises ValueError when it is something else."""
        try:
            kind, count, version = _HEAD.unpack_from(blob)
            if kind != _FORMAT:
                raise ValueError(f"this profile has format {kind}, this version reads {_FORMAT}")
            interests, at = [], _HEAD.size
            for _ in range(count):
                interest, at = _read_interest(blob, at)
                interests.append(interest)
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError("a stored profile is damaged") from error
        if at != len(blob):
            raise ValueError("a stored profile does not have the length it tells")
        return cls(version, tuple(interests))


def _read_interest(blob: bytes, at: int) -> tuple[Interest, int]:
    length, exponent = _INTEREST.unpack_from(blob, at)
    at += _INTEREST.size
    name = blob[at : at + length].decode()
    at += length
    head = blob[at : at + _GROUPS_BYTES]
    at += _GROUPS_BYTES
    size = int(np.frombuffer(head, "<u2").sum()) if len(head) == _GROUPS_BYTES else -1
    if size < 0 or at + 3 * size > len(blob):
        raise ValueError("a stored profile was cut short")
    terms = unpack_buckets(head, blob[at : at + 2 * size])[1]
    steps = np.frombuffer(blob, np.int8, size, at + 2 * size)
    return Interest(name, terms, steps * np.float32(2.0**exponent)), at + 3 * size


def terms_for(interests: int) -> int:
    """Return how many terms each of so many interests may keep within the limit."""
    each = _INTEREST.size + _NAME_BYTES + _GROUPS_BYTES
    return (LIMIT - _HEAD.size - interests * each) // (3 * interests)


@cache
def _linear_algebra() -> ThreadpoolController:
    return ThreadpoolController()


def build_profile(
    topics: Sequence[str],
    liked: csr_matrix,
    disliked: csr_matrix,
    reference: ReferenceCorpus,
    tuning: Tuning = DEFAULT,
) -> Profile:
    """Learn a subscriber's profile from a few words and the papers they marked.

    `liked` and `disliked` are rows of raw counts as `count_terms` gives them, oldest first; either may
    have no rows. The same arguments give the same profile. What comes back is already rounded to
    what `to_bytes` stores. With nothing to learn from, the profile has no interests.
    """
    # These products are small: a second thread of the linear algebra library costs as much as the first, and
    # gains nothing. One thread also sums in the same order everywhere.
    with _linear_algebra().limit(limits=1):
        learned = learn_interests(topics, liked, disliked, reference, terms_for, MOST_INTERESTS, tuning)
    rounded = (Interest.rounded(name, terms, weights) for name, terms, weights in learned)
    return Profile(reference.statistics.version, tuple(i for i in rounded if len(i.terms)))


NO_PROFILE = Profile(0, ())
"""Of somebody who told us nothing."""
