"""Splitting of an abstract into sentences."""

import re

_SENTENCE_END = re.compile(
    r"[.!?][)\]\"'\u2019\u201d]*(?=\s+[^\sa-z])|(?<=[a-z]{3})\.(?=(?:We|In|To|This|The|However|Our|It|These) )"
)
_NOT_AN_END = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|et al|vs|etc|resp|approx|w\.r\.t|a\.k\.a|Fig|Figs|Eq|Eqs|Sec|Tab|Alg|No|Dr|Prof|St|Mr|Mrs|Ms|Inc)"
    r"|\b[A-Z])\.$"
)


def sentence_ends(line: str) -> list[int]:
    """Return the positions after the sentences of a line, except that of a last one without a mark."""
    return [
        match.end()
        for match in _SENTENCE_END.finditer(line)
        if not _NOT_AN_END.search(line[max(0, match.end() - 12) : match.end()])
    ]


def sentences(line: str) -> list[str]:
    """Return the sentences of a line, in order."""
    ends = sentence_ends(line)
    starts = [0, *ends]
    return [
        text
        for start, end in zip(starts, [*ends, len(line)], strict=True)
        if (text := line[start:end].strip())
    ]
