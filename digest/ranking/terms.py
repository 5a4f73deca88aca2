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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from digest.ranking.words import STOP_WORDS, stem

DIMENSIONS = 2**20
STEP = 2.0**-12
"""Weights of papers are whole multiples of this."""
TITLE_WEIGHT = 3
MOST = 15
"""Counts stop here: four bits each when packed, and the logarithm is nearly flat by then."""

_CHUNK = 2_048
_TOKEN = re.compile(r"[^\W_]+|[.!?;:](?=\s|$)")
_SILENT, _BREAK = 0, 1  # hash codes of what is no term: stop words, and the end of a phrase
_REMEMBERED = 300_000


def _fold(text: str) -> str:
    """Lower case, accents and ligatures resolved."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.lower()


class _Codes(dict[str, int]):
    """Word -> 32-bit hash of its stem, worked out once per word."""

    def __missing__(self, word: str) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
        self[word] = code = _code(word)
        return code


def _code(word: str) -> int:
    if not word[0].isalnum():
        return _BREAK
    if word in STOP_WORDS or len(word) < 2 or word.isdigit():
        return _SILENT
    return zlib.crc32(stem(word).encode()) | 2  # never one of the two special codes


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
    found = [_TOKEN.findall(_fold(text)) for pair in texts for text in pair]
    lengths = [len(words) for words in found]
    code = _CODES.__getitem__
    codes = np.fromiter((c for words in found for c in map(code, words)), np.uint64, sum(lengths))
    part = np.repeat(np.arange(len(found)), lengths)
    kept = codes != _SILENT
    codes, part = codes[kept], part[kept]
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
        raise ValueError("a paper with more than a million terms can not be packed")
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


class Phrase(NamedTuple):
    """One occurrence of a term in a text: its bucket, how the text writes it, the buckets inside it."""

    bucket: int
    surface: str
    parts: tuple[int, ...]
    """The buckets of the words of a pair; empty for a word."""


def phrases(title: str, abstract: str) -> list[Phrase]:
    """Every term of a paper in reading order, as the paper writes it; the same buckets as `count_terms`."""
    words: list[tuple[int, int, tuple[str, int, int]]] = []  # code, sentence, where it stands
    sentence = 0
    for text in (title, abstract):
        for match in _TOKEN.finditer(_unaccented(text)):
            code = _CODES[match.group().lower()]
            if code == _BREAK:
                sentence += 1
            elif code != _SILENT:
                words.append((code, sentence, (text, match.start(), match.end())))
        sentence += 1
    codes = np.array([word[0] for word in words], np.uint64)
    single = _buckets(codes).tolist()
    double = _buckets(_pairs(codes[:-1], codes[1:])).tolist()
    found: list[Phrase] = []
    for place, (_, sentence, (text, start, end)) in enumerate(words):
        found.append(Phrase(single[place], text[start:end], ()))
        if place + 1 < len(words) and words[place + 1][1] == sentence:
            surface = " ".join(text[start : words[place + 1][2][2]].split())
            found.append(Phrase(double[place], surface, (single[place], single[place + 1])))
    return found


def _unaccented(text: str) -> str:
    """Fold accents letter by letter, so that places in the result are places in the text."""
    if text.isascii():
        return text
    return "".join(_plain_letter(c) for c in text)


def _plain_letter(letter: str) -> str:
    plain = _fold(letter)
    return plain if len(plain) == 1 else letter


def named_terms(title: str, abstract: str) -> dict[int, str]:
    """Map each bucket of a paper to the term as the paper writes it, the longest spelling it has there."""
    names: dict[int, str] = {}
    for phrase in phrases(title, abstract):
        if len(phrase.surface) > len(names.get(phrase.bucket, "")):
            names[phrase.bucket] = phrase.surface
    return names


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
    def _rarity(self) -> NDArray[np.float32]:
        """Inverse document frequency of each bucket, a whole multiple of 1/256."""
        levels, place = np.unique(self.frequencies, return_inverse=True)
        table = [
            round(256 * (1 + math.log((1 + self.papers) / (1 + int(level))))) / 256 for level in levels
        ]
        return np.array(table, np.float32)[place]

    def rarity(self, buckets: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return 1 + ln((1 + papers) / (1 + papers with the term)) of each bucket."""
        return self._rarity[buckets]

    def weigh(self, counts: csr_matrix) -> csr_matrix:
        """Weigh raw counts: (1 + ln count) x rarity, rows of unit length, float32 multiples of `STEP`."""
        if not len(counts.data):
            return csr_matrix(counts.shape, dtype=np.float32)
        # Whole numbers of 1/64 and 1/256: the sum of their squares is exact in float64.
        table = np.array([0, *(round(64 * (1 + math.log(n))) for n in range(1, 256))], np.float32)
        weights = table[counts.data] * self._rarity[counts.indices]
        lengths = np.diff(counts.indptr)
        filled = np.flatnonzero(lengths)
        squares = np.add.reduceat(np.square(weights, dtype=np.float64), counts.indptr[:-1][filled])
        scale = (1 / STEP / np.sqrt(squares)).astype(np.float32)
        weights *= np.repeat(scale, lengths[filled])
        np.rint(weights, out=weights)
        weights *= np.float32(STEP)
        matrix = csr_matrix(counts.shape, dtype=np.float32)
        matrix.indptr, matrix.indices, matrix.data = counts.indptr, counts.indices, weights
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix
