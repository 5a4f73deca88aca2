"""The one term space of papers, profiles and search: hashed words and word pairs, weighed by TF-IDF.

Hashing keeps the space open: a new word needs no refit, and a bucket means the same on every machine
and in every year. What does change, how many papers hold a term, lives in `Statistics`, a versioned
value: a stored profile names the version it was built with and is only ever scored against papers
weighed with that version.

Weights are whole multiples of `STEP`. Sums of products of such numbers are exact in float32 whatever
order they are added in, so a score is the same number on every machine and with every library.
scikit-learn's own hasher takes four times as long as the vectorised one here, and its import alone
would eat a third of what a search command may take; the tests hold this module against it.
"""

import math
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.words import STOP_WORDS, stem

DIMENSIONS = 2**20
SPACE = 1
"""Raised whenever the same text would count to other buckets: stored counts are then made anew."""
STEP = 2.0**-12
"""Weights of papers are whole multiples of this."""
TITLE_WEIGHT = 3
MOST = 15
"""Counts stop here: four bits each when packed, and the logarithm is nearly flat by then."""

_CHUNK = 2_048
_TOKEN = re.compile(r"[^\W_]+|[(),]|[.!?;:](?=\s|$)")
_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BREAK = 1  # the code of the end of a phrase
_REMEMBERED = 300_000
_ENOUGH = 500
"""From this many papers on, a term that a single one of them holds counts as noise."""


def _unaccented(text: str) -> str:
    """Resolve accents and ligatures."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


class _Codes(dict[str, tuple[int, ...]]):
    """Word as written -> the 32-bit hashes it stands for, worked out once per word.

    Nothing for a stop word; `MotionGPT` gives itself, the end of a phrase, `motion` and `gpt`.
    """

    def __missing__(self, word: str) -> tuple[int, ...]:
        if len(self) > _REMEMBERED:
            self.clear()
        if not word[0].isalnum():
            codes: tuple[int, ...] = (_BREAK,)
        else:
            inner = _inner(word)
            codes = (_code(word), _BREAK, *map(_code, inner)) if inner else (_code(word),)
            codes = codes if codes[0] else ()
        self[word] = codes
        return codes


def _inner(word: str) -> list[str]:
    """Return the words a joint name is made of; none for a plain word."""
    if word.islower() or word[1:].islower():
        return []
    parts = [part for part in _JOINT.split(word) if len(part) > 1 and _code(part)]
    return parts if len(parts) > 1 else []


def _code(word: str) -> int:
    """Hash the stem of a word; 0 when it says nothing."""
    word = word.lower()
    if word in STOP_WORDS or len(word) < 2 or word.isdigit():
        return 0
    return zlib.crc32(stem(word).encode()) | 2  # never the code of the end of a phrase


_CODES = _Codes()


def _buckets(codes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Finish the hash (splitmix64) and fold it into the space."""
    mixed = codes * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    return (mixed >> np.uint64(44)).astype(np.int64)


def _pairs(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (first << np.uint64(32)) ^ (second * np.uint64(0x632BE5AB) + np.uint64(1))


def count_terms(texts: Sequence[tuple[str, str]]) -> csr_matrix:
    """Count the terms of (title, abstract) pairs: one row a paper, uint8, columns sorted.

    A word of the title counts three times. Terms are words and pairs of neighbouring words, stop
    words left out; a pair never spans the end of a sentence.
    """
    parts = [_count_chunk(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
    lengths = np.concatenate([np.zeros(1, np.int64), *(part[0] for part in parts)])
    columns = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
    counts = np.concatenate([np.zeros(0, np.uint8), *(part[2] for part in parts)])
    return _rows(lengths, columns, counts)


def _rows(lengths: NDArray[np.int64], columns: NDArray[np.int32], data: NDArray[np.generic]) -> csr_matrix:
    """Assemble sorted rows without SciPy's checks; `lengths` starts with a zero."""
    matrix = csr_matrix((len(lengths) - 1, DIMENSIONS), dtype=data.dtype)
    matrix.indptr = np.cumsum(lengths).astype(np.int32 if len(columns) < 2**31 else np.int64)
    matrix.indices, matrix.data = columns, data
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


def _count_chunk(
    texts: Sequence[tuple[str, str]],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Return (terms per paper, buckets, counts) of a few papers, counted together."""
    code = _CODES.__getitem__
    found = [
        list(chain.from_iterable(map(code, _TOKEN.findall(_unaccented(text)))))
        for pair in texts
        for text in pair
    ]
    lengths = [len(codes) for codes in found]
    codes = np.fromiter(chain.from_iterable(found), np.uint64, sum(lengths))
    part = np.repeat(np.arange(len(found)), lengths)
    word = codes != _BREAK
    pair = word[:-1] & word[1:] & (part[:-1] == part[1:])
    buckets = np.concatenate([_buckets(codes[word]), _buckets(_pairs(codes[:-1][pair], codes[1:][pair]))])
    part = np.concatenate([part[word], part[:-1][pair]])
    weight = np.where(part % 2 == 0, TITLE_WEIGHT, 1)
    keys = np.sort((part // 2 << 22) | (buckets << 2) | weight)
    terms = keys >> 2
    starts = np.flatnonzero(np.diff(terms, prepend=-1))
    counts = np.add.reduceat(keys & 3, starts) if len(starts) else keys
    terms = terms[starts]
    per_paper = np.bincount(terms >> 20, minlength=len(texts)).astype(np.int64)
    return (
        per_paper,
        (terms & (DIMENSIONS - 1)).astype(np.int32),
        np.minimum(counts, MOST).astype(np.uint8),
    )


# A blob: how many buckets lie in each sixteenth of the space (16 uint16), the low 16 bits of the
# sorted buckets (uint16), their counts (four bits each). All little-endian.
_GROUPS = 16
_HEAD = 2 * _GROUPS


def pack_buckets(buckets: NDArray[np.int32]) -> tuple[bytes, bytes]:
    """Pack sorted buckets of one row as (head, low halves); 32 bytes and two a bucket."""
    groups = np.bincount(buckets >> 16, minlength=_GROUPS).astype("<u2")
    return groups.tobytes(), buckets.astype("<u2").tobytes()


def unpack_buckets(heads: bytes, lows: bytes) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return (buckets per row, buckets) of many rows whose heads and low halves were joined."""
    groups = np.frombuffer(heads, "<u2").astype(np.int64)
    high = np.repeat(np.tile(np.arange(_GROUPS, dtype=np.int32) << 16, len(groups) // _GROUPS), groups)
    high |= np.frombuffer(lows, "<u2")
    return groups.reshape(-1, _GROUPS).sum(axis=1), high


def pack_counts(counts: csr_matrix) -> list[bytes]:
    """Pack each row of `count_terms` into a small blob (about 0.7 kB) to be stored beside its paper."""
    rows = counts.shape[0]
    edges = counts.indptr.tolist()
    of_row = np.repeat(np.arange(rows), np.diff(counts.indptr))
    groups = np.bincount(of_row * _GROUPS + (counts.indices >> 16), minlength=rows * _GROUPS)
    if len(groups) and groups.max() > 65_535:
        raise ValueError("a paper with more than a million terms cannot be packed")
    heads, lows = groups.astype("<u2").tobytes(), counts.indices.astype("<u2").tobytes()
    blobs = []
    for row in range(rows):
        start, end = edges[row], edges[row + 1]
        data = counts.data[start:end]
        if (end - start) % 2:
            data = np.append(data, np.uint8(0))
        blobs.append(
            heads[row * _HEAD : row * _HEAD + _HEAD]
            + lows[2 * start : 2 * end]
            + (data[::2] | (data[1::2] << 4)).tobytes()
        )
    return blobs


def unpack_counts(blobs: Sequence[bytes]) -> csr_matrix:
    """Rebuild the rows from their blobs. Raises ValueError when one was cut short or is no such blob."""
    heads = b"".join([blob[:_HEAD] for blob in blobs])
    if len(heads) != _HEAD * len(blobs):
        raise ValueError("a stored term blob was cut short")
    sizes = np.frombuffer(heads, "<u2").reshape(-1, _GROUPS).sum(axis=1, dtype=np.int64).tolist()
    if any(len(blob) != _HEAD + 2 * size + (size + 1) // 2 for blob, size in zip(blobs, sizes, strict=True)):
        raise ValueError("a stored term blob does not have the length it tells")
    lows = b"".join([blob[_HEAD : _HEAD + 2 * size] for blob, size in zip(blobs, sizes, strict=True)])
    lengths, buckets = unpack_buckets(heads, lows)
    halves = np.frombuffer(
        b"".join([blob[_HEAD + 2 * size :] for blob, size in zip(blobs, sizes, strict=True)]), np.uint8
    )
    counts = np.empty(2 * len(halves), np.uint8)
    counts[::2], counts[1::2] = halves & 15, halves >> 4
    if len(counts) != len(buckets):  # drop the empty half byte behind rows of odd length
        ends = list(accumulate(size + size % 2 for size in sizes))
        odd = [end - 1 for end, size in zip(ends, sizes, strict=True) if size % 2]
        counts = np.delete(counts, odd)
    return _rows(np.concatenate([np.zeros(1, np.int64), lengths]), buckets, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Where the terms of a paper stand in its text, in reading order; a few kB."""

    text: str
    """Title and abstract, a line each."""
    words: NDArray[np.int32]
    """[word, (bucket, start, end)]"""
    pairs: NDArray[np.int32]
    """[pair, (bucket, start, end, bucket of its first word, bucket of its second)]; stop words may stand inside."""
    joint: dict[int, tuple[int, ...]]
    """The buckets of the words that a joint name such as `MotionGPT` is made of, by its bucket."""


def occurrences(title: str, abstract: str) -> Occurrences:
    """Find every term of a paper where it is written; the same buckets as `count_terms`."""
    text = f"{title}\n{abstract}"
    found = [*_written(text, 0, len(title)), *_written(text, len(title) + 1, len(text))]
    codes = np.array([word.code for word in found], np.uint64)
    single = _buckets(codes).astype(np.int32)
    double = _buckets(_pairs(codes[:-1], codes[1:])).astype(np.int32)
    starts = np.array([word.start for word in found], np.int32)
    ends = np.array([word.end for word in found], np.int32)
    is_word = codes != _BREAK
    is_pair = is_word[:-1] & is_word[1:]
    pairs = np.stack([double, starts[:-1], ends[1:], single[:-1], single[1:]], axis=1)
    joint: dict[int, tuple[int, ...]] = {}
    for at, word in enumerate(found):
        if word.inner:
            first, last = at + 2, at + 2 + word.inner  # behind a joint name: a break, then its parts
            joint[int(single[at])] = (*single[first:last].tolist(), *double[first : last - 1].tolist())
    return Occurrences(text, np.stack([single, starts, ends], axis=1)[is_word], pairs[is_pair], joint)


class _Word(NamedTuple):
    code: int
    inner: int
    """How many words a joint name is made of."""
    start: int
    end: int


def _written(text: str, start: int, end: int) -> Iterator[_Word]:
    """Yield the codes of a stretch of text with where they stand in it, and a break behind it."""
    for match in _TOKEN.finditer(_unaccented_in_place(text[start:end])):
        codes = _CODES[match.group()]
        at, behind = start + match.start(), start + match.end()
        for index, code in enumerate(codes[:2]):
            yield _Word(code, 0 if index else max(0, len(codes) - 2), at, behind)
        if len(codes) > 2:
            for part in _JOINT.split(match.group()):
                if len(part) > 1 and (code := _code(part)):
                    yield _Word(code, 0, at, at + len(part))
                at += len(part)
    yield _Word(_BREAK, 0, end, end)


def _unaccented_in_place(text: str) -> str:
    """Fold accents letter by letter, so that places in the result are places in the text."""
    if text.isascii():
        return text
    plain = (_unaccented(content) for content in text)
    return "".join(p if len(p) == 1 else content for p, content in zip(plain, text, strict=True))


@dataclass(frozen=True)
class Statistics:
    """How many papers hold each term. A value: adding papers makes another one, under another version."""

    version: int
    papers: int
    frequencies: NDArray[np.uint32]
    """Papers per bucket, of length `DIMENSIONS`."""

    @classmethod
    def empty(cls) -> Self:
        """Return the statistics of no papers, version 0; every term weighs the same."""
        return cls(0, 0, np.zeros(DIMENSIONS, np.uint32))

    def adding(self, counts: csr_matrix, version: int) -> "Statistics":
        """Return these with the rows of `counts` added, to be known as `version`."""
        more = np.bincount(counts.indices, minlength=DIMENSIONS).astype(np.uint32)
        return Statistics(version, self.papers + counts.shape[0], self.frequencies + more)

    def to_bytes(self) -> bytes:
        """Compress to about half a megabyte for 50,000 papers."""
        planes = self.frequencies.astype("<u4").view(np.uint8).reshape(-1, 4).T
        return np.array([self.version, self.papers], "<i8").tobytes() + zlib.compress(planes.tobytes(), 6)

    @classmethod
    def from_bytes(cls, blob: bytes) -> Self:
        """Rebuild what `to_bytes` gave. Raises ValueError when it is something else."""
        try:
            planes = np.frombuffer(zlib.decompress(blob[16:]), np.uint8).reshape(4, DIMENSIONS)
        except (zlib.error, ValueError) as error:
            raise ValueError("the stored term statistics are damaged") from error
        version, papers = np.frombuffer(blob[:16], "<i8").tolist()
        frequencies = np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.uint32)
        return cls(version, papers, frequencies)

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """Inverse document frequency of each bucket, a whole multiple of 1/256; 0 for noise."""
        least = 2 if self.papers >= _ENOUGH else 0
        # By counting, not by sorting: a million buckets hold a few thousand different frequencies.
        levels = np.bincount(self.frequencies)
        table = np.zeros(len(levels), np.float32)
        for level in np.flatnonzero(levels).tolist():
            if level >= least:
                table[level] = round(256 * (1 + math.log((1 + self.papers) / (1 + level)))) / 256
        return table[self.frequencies]

    def weigh(self, counts: csr_matrix) -> csr_matrix:
        """Weigh raw counts: (1 + ln count) x rarity, rows of unit length, float32 multiples of `STEP`.

        Rarity is 1 + ln((1 + papers) / (1 + papers with the term)). Terms met in fewer than two papers
        get no weight (once there are 500 papers): they would only lengthen the row.
        """
        rarity = self.rarity[counts.indices]
        known = rarity > 0
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(known)])[counts.indptr]
        # Whole numbers of 1/64 and 1/256: the sum of their squares is exact in float64.
        weights = _DAMPED[counts.data[known]] * rarity[known]
        lengths = np.diff(edges)
        filled = np.flatnonzero(lengths)
        if len(filled):
            squares = np.add.reduceat(np.square(weights, dtype=np.float64), edges[:-1][filled])
            scale = (1 / STEP / np.sqrt(squares)).astype(np.float32)
            weights = np.rint(weights * np.repeat(scale, lengths[filled])) * np.float32(STEP)
        return _rows(np.concatenate([np.zeros(1, np.int64), lengths]), counts.indices[known], weights)


_DAMPED = np.array([0, *(round(64 * (1 + math.log(n))) for n in range(1, 256))], np.float32)
